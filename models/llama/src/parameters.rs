//! The parameters of a model as transformers has them: under the names of its files, and with matrices as
//! `[outputs, inputs]`, where burn's are `[inputs, outputs]`.
//!
//! Modules call their fields as the files do, so the name of a parameter is the path to it.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::nn::{Initializer, Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData};

/// A linear layer without biases, of zeros until it is filled: nothing is allocated before.
pub(crate) fn matrix(inputs: usize, outputs: usize, device: &Device) -> Linear {
    LinearConfig::new(inputs, outputs)
        .with_bias(false)
        .with_initializer(Initializer::Zeros)
        .init(device)
}

/// Names and shapes of all parameters of `model`, in its order. Nothing is allocated.
pub(crate) fn shapes<M: Module>(model: &M) -> Vec<(String, Vec<usize>)> {
    struct Shapes {
        place: Place,
        seen: Vec<(String, Vec<usize>)>,
    }
    impl ModuleVisitor for Shapes {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.place.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.place.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let shape = self.place.turned_shape(&param.lazy_shape());
            self.seen.push((self.place.name(), shape));
        }
    }
    let mut shapes = Shapes {
        place: Place::default(),
        seen: Vec::new(),
    };
    model.visit(&mut shapes);
    shapes.seen
}

/// Shows name, shape and numbers of each parameter of `model` to `see`, in its order.
pub(crate) fn visit<M: Module>(model: &M, see: impl FnMut(String, Vec<usize>, Vec<f32>)) {
    struct Numbers<F> {
        place: Place,
        see: F,
    }
    impl<F: FnMut(String, Vec<usize>, Vec<f32>)> ModuleVisitor for Numbers<F> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.place.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.place.exit();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let shape = self.place.turned_shape(&param.lazy_shape());
            let numbers: Vec<f32> = param.val().into_data().iter::<f32>().collect();
            let numbers = match shape[..] {
                [outputs, inputs] if self.place.is_matrix() => {
                    transposed(&numbers, inputs, outputs)
                }
                _ => numbers,
            };
            (self.see)(self.place.name(), shape, numbers);
        }
    }
    model.visit(&mut Numbers {
        place: Place::default(),
        see,
    });
}

/// The model with other numbers: `numbers` gives those of a parameter by its name and shape, row after row, or `None` to leave it.
pub(crate) fn fill<M: Module>(
    model: M,
    numbers: impl FnMut(&str, &[usize]) -> Option<Vec<f32>>,
) -> M {
    struct Fill<F> {
        place: Place,
        numbers: F,
    }
    impl<F: FnMut(&str, &[usize]) -> Option<Vec<f32>>> ModuleMapper for Fill<F> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.place.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.place.exit();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let own = param.lazy_shape();
            let shape = self.place.turned_shape(&own);
            let Some(numbers) = (self.numbers)(&self.place.name(), &shape) else {
                return param;
            };
            let numbers = match shape[..] {
                [outputs, inputs] if self.place.is_matrix() => {
                    transposed(&numbers, outputs, inputs)
                }
                _ => numbers,
            };
            let (id, device) = (param.id, param.lazy_device());
            let tensor = Tensor::from_data(TensorData::new(numbers, own), &device);
            param.transform_for_load(tensor, id)
        }
    }
    model.map(&mut Fill {
        place: Place::default(),
        numbers,
    })
}

/// Where in a module a walk over it is: the fields that lead there, each with the kind of what it is a field of.
#[derive(Default)]
struct Place(Vec<(String, String)>);

impl Place {
    fn enter(&mut self, name: &str, container: &str) {
        self.0.push((name.to_owned(), container.to_owned()));
    }

    fn exit(&mut self) {
        self.0.pop();
    }

    fn name(&self) -> String {
        let fields: Vec<&str> = self.0.iter().map(|(field, _)| field.as_str()).collect();
        fields.join(".")
    }

    /// Whether this is the matrix of a linear layer, which burn has the other way round.
    fn is_matrix(&self) -> bool {
        let last = self.0.last();
        last.is_some_and(|(field, within)| field == "weight" && within == "Struct:Linear")
    }

    fn turned_shape(&self, own: &[usize]) -> Vec<usize> {
        let own = own.iter().copied();
        if self.is_matrix() {
            own.rev().collect()
        } else {
            own.collect()
        }
    }
}

/// A matrix of `rows` times `columns`, row after row, as one of `columns` times `rows`.
fn transposed(numbers: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let column = |j: usize| (0..rows).map(move |i| numbers[i * columns + j]);
    (0..columns).flat_map(column).collect()
}
