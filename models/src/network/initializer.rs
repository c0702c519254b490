//! Initial weights from an owned stream.
//!
//! Burn draws initial weights from a generator that belongs to the whole process, so two trainings that start on two
//! threads would take each other's numbers. Here every drawn weight is drawn again from a stream that belongs to the
//! training.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

/// Draws the weights of a module again, as PyTorch does by default.
///
/// | module | weights and biases |
/// |---|---|
/// | `Linear`, convolutions, transposed and deformable ones | `U(-1/sqrt(fan_in), 1/sqrt(fan_in))` |
/// | `Embedding` | `N(0, 1)` |
/// | recurrent (`Rnn`, `Gru`, `Lstm`) | `U(-1/sqrt(hidden), 1/sqrt(hidden))` |
/// | `PRelu`, normalisation | what they are set to: 0.25; 1 and 0 |
/// | parameters of a module of your own | as those of `Linear` and convolutions |
///
/// The fan-in of a matrix is its first dimension (burn's layout is `[input, output]`), that of a kernel of a convolution
/// `[output, input, ..]`, or of a transposed one `[input, output, ..]`, the product of all but its first, which is what PyTorch
/// takes too. A vector takes the fan-in of the weight visited before it.
///
/// **What a module set on purpose stays**: a parameter whose numbers are all the same, such as zeros in a last layer or a scale of
/// 1e-4 for each channel. A single number counts as set on purpose if it is 0, 1, or set outright (`Param::from_data`); one of a
/// module in the table is drawn unless the weight before it was not. A module of another convention overrides
/// [`crate::Task::initialise`].
pub fn fresh_weights<M: Module>(module: M, rng: &mut impl Rng) -> M {
    module.map(&mut Fresh {
        rng,
        fan_in: 1,
        kept: false,
        within: Vec::new(),
    })
}

/// The modules of burn that draw their weights.
const DRAWING: [&str; 9] = [
    "Struct:Linear",
    "Struct:Embedding",
    "Struct:Conv1d",
    "Struct:Conv2d",
    "Struct:Conv3d",
    "Struct:ConvTranspose1d",
    "Struct:ConvTranspose2d",
    "Struct:ConvTranspose3d",
    "Struct:DeformConv2d",
];

struct Fresh<'a, R> {
    rng: &'a mut R,
    /// Of the weight visited last.
    fan_in: usize,
    /// Whether the weight visited last stayed.
    kept: bool,
    /// The types of the modules around, the outermost first, as burn names them.
    within: Vec<String>,
}

impl<R: Rng> Fresh<'_, R> {
    fn is_in(&self, module: &str) -> bool {
        self.within.last().is_some_and(|own| own == module)
    }

    /// Whether a module set a parameter to these values rather than drawing them. `outright` is whether it gave a tensor, and no
    /// rule by which to make one.
    fn is_set(&self, values: &[f32], dimensions: usize, outright: bool) -> bool {
        let draws = DRAWING.iter().any(|module| self.is_in(module));
        match values {
            [] | [0.0 | 1.0] => true,
            [_] if draws => dimensions == 1 && self.kept,
            [_] => outright || self.is_in("Struct:PRelu"),
            [first, rest @ ..] => rest.iter().all(|value| value == first),
        }
    }

    fn draw(&mut self, count: usize) -> Vec<f32> {
        if self.is_in("Struct:Embedding") {
            let normal = (0..count).map(|_| StandardNormal.sample(self.rng));
            return normal.collect();
        }
        let bound = 1.0 / (self.fan_in.max(1) as f32).sqrt();
        let uniform = (0..count).map(|_| self.rng.random_range(-bound..bound));
        uniform.collect()
    }
}

impl<R: Rng> ModuleMapper for Fresh<'_, R> {
    fn enter_module(&mut self, _name: &str, container_type: &str) {
        self.within.push(container_type.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.within.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let outright = param.is_initialized();
        let tensor = param.val();
        let shape = tensor.shape();
        let dimensions: &[usize] = &shape;
        let recurrent = self.within.iter().any(|own| own == "Struct:GateController");
        match dimensions {
            [_] | [] => {}
            [_, hidden] if recurrent => self.fan_in = *hidden,
            [input, _] => self.fan_in = *input,
            [_, inputs @ ..] => self.fan_in = inputs.iter().product(),
        }
        let values: Vec<f32> = tensor.into_data().iter::<f32>().collect();
        let stays = self.is_set(&values, D, outright);
        if D > 1 {
            self.kept = stays;
        }
        if stays {
            return param;
        }
        let drawn = self.draw(shape.num_elements());
        param.map(|tensor| {
            let gradient = tensor.is_require_grad();
            Tensor::from_data(TensorData::new(drawn, shape), &tensor.device())
                .set_require_grad(gradient)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::weights::flat_state;
    use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2dConfig};
    use burn::nn::gru::GruConfig;
    use burn::nn::{
        BatchNorm, BatchNormConfig, EmbeddingConfig, Initializer, Linear, LinearConfig,
        LinearLayout, LstmConfig, PReluConfig,
    };
    use burn::tensor::Device;
    use trimtab_env::stream;

    #[derive(Module, Debug)]
    struct Mixed {
        conv: Conv2d,
        norm: BatchNorm,
        linear: Linear,
    }

    fn mixed(device: &Device) -> Mixed {
        Mixed {
            conv: Conv2dConfig::new([3, 4], [5, 5]).init(device),
            norm: BatchNormConfig::new(4).init(device),
            linear: LinearConfig::new(400, 7).init(device),
        }
    }

    fn weights(seed: u64) -> Vec<f32> {
        let device = Device::flex().autodiff();
        let mut flat = Vec::new();
        let model = fresh_weights(mixed(&device), &mut stream(seed, "weights", 0));
        assert!(model.linear.weight.is_require_grad());
        flat_state(&model, &mut flat);
        flat
    }

    #[test]
    fn bounds_follow_the_fan_in_and_constants_stay() {
        let device = Device::flex().autodiff();
        let model = fresh_weights(mixed(&device), &mut stream(1, "weights", 0));
        let largest = |values: Vec<f32>| values.into_iter().fold(0f32, |a, x| a.max(x.abs()));
        let data = |tensor: TensorData| tensor.iter::<f32>().collect::<Vec<f32>>();
        let kernel = largest(data(model.conv.weight.val().into_data()));
        let bound = 1.0 / 75f32.sqrt();
        assert!(kernel <= bound && kernel > 0.95 * bound, "{kernel}");
        let matrix = largest(data(model.linear.weight.val().into_data()));
        assert!(matrix <= 0.05 && matrix > 0.049, "{matrix}");
        assert_eq!(data(model.norm.gamma.val().into_data()), [1.0; 4]);
        assert_eq!(data(model.norm.beta.val().into_data()), [0.0; 4]);
    }

    fn numbers<const D: usize>(param: &Param<Tensor<D>>) -> Vec<f32> {
        param.val().into_data().iter::<f32>().collect()
    }

    fn deviation(values: &[f32]) -> f32 {
        let n = values.len() as f32;
        let mean = values.iter().sum::<f32>() / n;
        (values.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / n).sqrt()
    }

    fn largest(values: &[f32]) -> f32 {
        values.iter().fold(0f32, |most, x| most.max(x.abs()))
    }

    fn fresh<M: Module>(module: M) -> M {
        fresh_weights(module, &mut stream(1, "weights", 0))
    }

    #[test]
    fn modules_of_all_kinds_have_the_defaults_of_pytorch() {
        let device = Device::flex().autodiff();
        let embedding = fresh(EmbeddingConfig::new(1000, 16).init(&device));
        assert!((deviation(&numbers(&embedding.weight)) - 1.0).abs() < 0.02);
        assert!(largest(&numbers(&embedding.weight)) > 3.0);
        let prelu = |count| PReluConfig::new().with_num_parameters(count).init(&device);
        assert_eq!(numbers(&fresh(prelu(1)).alpha), [0.25]);
        assert_eq!(numbers(&fresh(prelu(3)).alpha), [0.25; 3]);
        // Inputs of 100, hidden states of 25: bounds of a fifth in every gate, biases too.
        let lstm = fresh(LstmConfig::new(100, 25, true).init(&device));
        for gate in [&lstm.input_gate, &lstm.output_gate, &lstm.cell_gate] {
            for layer in [&gate.input_transform, &gate.hidden_transform] {
                let weights = numbers(&layer.weight);
                assert!(largest(&weights) <= 0.2 && largest(&weights) > 0.195);
                let biases = numbers(layer.bias.as_ref().unwrap());
                assert!(largest(&biases) <= 0.2 && largest(&biases) > 0.15);
            }
        }
        let gru = fresh(GruConfig::new(100, 25, true).init(&device));
        let weights = numbers(&gru.new_gate.input_transform.weight);
        assert!(largest(&weights) <= 0.2 && largest(&weights) > 0.195);
        // PyTorch's fan-in of a transposed convolution is that of its second dimension: 6 / 2 channels of 3 by 3.
        let transposed = ConvTranspose2dConfig::new([8, 6], [3, 3]).with_groups(2);
        let transposed = fresh(transposed.init(&device));
        let (bound, weights) = (1.0 / 27f32.sqrt(), numbers(&transposed.weight));
        assert!(largest(&weights) <= bound && largest(&weights) > 0.97 * bound);
        assert!(largest(&numbers(transposed.bias.as_ref().unwrap())) <= bound);
        // A layer whose weight is stored the other way round.
        let turned = LinearConfig::new(400, 7).with_layout(LinearLayout::Col);
        let turned = fresh(turned.init(&device));
        assert_eq!(turned.weight.dims(), [400, 7]);
        assert!(largest(&numbers(&turned.weight)) <= 0.05);
    }

    #[derive(Module, Debug)]
    struct OnPurpose {
        last: Linear,
        one: Linear,
        scale: Param<Tensor<1>>,
        temperature: Param<Tensor<1>>,
        bands: Param<Tensor<2>>,
        drawn: Linear,
        own: Param<Tensor<2>>,
        offset: Param<Tensor<1>>,
    }

    #[test]
    fn what_a_module_set_on_purpose_stays() {
        let device = Device::flex().autodiff();
        let zeros = |inputs, outputs| {
            let config = LinearConfig::new(inputs, outputs);
            config
                .with_initializer(Initializer::Constant { value: 0.5 })
                .init(&device)
        };
        let uniform = Initializer::Uniform { min: 0.0, max: 9.0 };
        let module = OnPurpose {
            last: LinearConfig::new(5, 3)
                .with_initializer(Initializer::Zeros)
                .init(&device),
            one: zeros(5, 1),
            scale: Param::from_tensor(Tensor::full([4], 1e-4, &device)),
            temperature: Param::from_data(TensorData::new(vec![0.07f32], [1]), &device),
            bands: Param::from_tensor(Tensor::ones([2, 3], &device)),
            drawn: LinearConfig::new(25, 1).init(&device),
            own: uniform.init([16, 2], &device),
            offset: uniform.init([1], &device),
        };
        let module = fresh(module);
        assert_eq!(numbers(&module.last.weight), [0.0; 15]);
        assert_eq!(numbers(module.last.bias.as_ref().unwrap()), [0.0; 3]);
        assert_eq!(numbers(&module.one.weight), [0.5; 5]);
        assert_eq!(numbers(module.one.bias.as_ref().unwrap()), [0.5]);
        assert_eq!(numbers(&module.scale), [1e-4; 4]);
        assert_eq!(numbers(&module.temperature), [0.07]);
        assert_eq!(numbers(&module.bands), [1.0; 6]);
        // All else is drawn, single numbers too.
        assert!(largest(&numbers(&module.drawn.weight)) <= 0.2);
        assert!(largest(&numbers(module.drawn.bias.as_ref().unwrap())) <= 0.2);
        assert!(largest(&numbers(&module.own)) <= 0.25);
        assert!(largest(&numbers(&module.offset)) <= 0.25);
    }

    /// The first, the middle and the last weight of each of the crate's own models: trainings of earlier versions begin with these.
    #[test]
    fn the_models_of_this_crate_begin_as_ever() {
        let device = Device::flex();
        let mut rng = stream(7, "weights", 0);
        let begins = |flat: Vec<f32>| [flat[0], flat[flat.len() / 2], flat[flat.len() - 1]];
        fn flat<M: Module>(module: M, rng: &mut impl Rng) -> Vec<f32> {
            let mut flat = Vec::new();
            flat_state(&fresh_weights(module, rng), &mut flat);
            flat
        }
        let mlp = crate::network::mlp::Mlp::new(
            &[6, 5, 1],
            crate::network::mlp::Activation::Relu,
            &device,
        );
        let cnn = crate::network::cnn::Cnn::new([1, 8, 8], &[2, 3], 4, &device);
        let config = crate::network::transformer::TransformerConfig {
            width: 8,
            heads: 2,
            blocks: 1,
            patch: 2,
        };
        let transformer =
            crate::network::transformer::Transformer::new([1, 4, 4], config, 3, &device);
        let mlp = begins(flat(mlp, &mut rng));
        assert_eq!(mlp, [-0.018238425, 0.025282115, -0.38497937]);
        let cnn = begins(flat(cnn, &mut rng));
        assert_eq!(cnn, [0.31057486, 0.1988354, 0.20862478]);
        let transformer = begins(flat(transformer, &mut rng));
        assert_eq!(transformer, [0.18937242, -0.14839813, 0.09962967]);
    }

    #[test]
    fn the_seed_decides_and_nothing_else() {
        assert_eq!(weights(1), weights(1));
        assert_ne!(weights(1), weights(2));
        // Drawn at the same time on two threads, while both also use the global generator.
        let parallel: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|seed| scope.spawn(move || weights(seed)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        for (seed, drawn) in parallel.into_iter().enumerate() {
            assert_eq!(drawn, weights(seed as u64));
        }
    }
}
