//! Models as folders of transformers: `config.json`, and weights in `model.safetensors` or in shards.
//!
//! Only files of the folder are opened: what an index of shards names must be a plain file name. (A file may be a link, as those of a
//! download cache are.)

use crate::parameters::{fill, shapes, visit};
use crate::{Error, Llama, LlamaConfig, Result};
use burn::module::Module;
use burn::tensor::{Device, bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, serialize};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Component, Path, PathBuf};
use trimtab_env::files::write_whole;

/// The config, in every folder.
pub const CONFIG: &str = "config.json";
/// All weights in one file.
pub const WEIGHTS: &str = "model.safetensors";
/// Which shard has which tensor, if there is no file of all weights.
pub const INDEX: &str = "model.safetensors.index.json";

const EMBEDDINGS: &str = "model.embed_tokens.weight";
const OUTPUTS: &str = "lm_head.weight";
/// Ends the names of tables in old files that follow from the config.
const TABLES: &str = "rotary_emb.inv_freq";

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Llama {
    /// The model of a folder. Weights of 16 bits become weights of 32. It can be trained if the device has autodiff.
    ///
    /// # Errors
    /// For files that are missing, damaged or outside the folder, a config that is not supported, and tensors that are missing, unknown, of
    /// another shape or of another type; each names the file and what was expected.
    pub fn load(folder: &Path, device: &Device) -> Result<Self> {
        let config_path = folder.join(CONFIG);
        let config = LlamaConfig::from_json(json(&config_path)?, &config_path.to_string_lossy())?;
        let model = Self::empty(config, device)?;
        let (listed_in, shards) = shards(folder)?;

        let mut expected: BTreeMap<String, Vec<usize>> = shapes(&model).into_iter().collect();
        let tied = model.config().tie_word_embeddings;
        let mut numbers = BTreeMap::new();
        let mut outputs = None;
        for (path, listed) in shards {
            let bytes = read(&path)?;
            let damaged = |source| Error::Safetensors {
                path: path.clone(),
                source,
            };
            let tensors = SafeTensors::deserialize(&bytes).map_err(damaged)?;
            for (name, tensor) in tensors.iter() {
                let unlisted = listed.as_ref().is_some_and(|listed| !listed.contains(name));
                if name.ends_with(TABLES) {
                    continue;
                }
                if tied && name == OUTPUTS && !unlisted {
                    outputs = Some((path.clone(), values(&path, name, &tensor)?));
                    continue;
                }
                let shape = expected.get(name).filter(|_| !unlisted);
                let Some(shape) = shape else {
                    return Err(Error::ExtraTensor {
                        path,
                        name: name.to_owned(),
                        expected: if unlisted {
                            format!("what {INDEX} lists for this file")
                        } else {
                            format!("what {CONFIG} calls for, each once")
                        },
                    });
                };
                if tensor.shape() != shape {
                    return Err(Error::Shape {
                        name: name.to_owned(),
                        given: tensor.shape().to_vec(),
                        expected: shape.clone(),
                        path,
                    });
                }
                numbers.insert(name.to_owned(), values(&path, name, &tensor)?);
                expected.remove(name);
            }
        }
        if let Some((name, expected)) = expected.pop_first() {
            return Err(Error::MissingTensor {
                path: listed_in,
                name,
                expected,
            });
        }
        if let Some((path, outputs)) = outputs
            && numbers.get(EMBEDDINGS) != Some(&outputs)
        {
            let expected = format!("the numbers of `{EMBEDDINGS}`, as tie_word_embeddings says");
            return Err(Error::ExtraTensor {
                path,
                name: OUTPUTS.to_owned(),
                expected,
            });
        }
        Ok(fill(model, |name, _| numbers.remove(name)))
    }

    /// Writes the model as a folder that [`Llama::load`] and transformers read, in place of a model that is there. Adapters are added to the
    /// matrices that they belong to; gates, which transformers leaves out with a warning, have names of their own.
    ///
    /// # Errors
    /// [`Error::Write`] with what the operating system says.
    pub fn save(&self, folder: &Path) -> Result<()> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Write { path, source }
        };
        fs::create_dir_all(folder).map_err(failed(folder))?;
        let mut tensors = Vec::new();
        visit(&self.clone().materialize(), |name, shape, numbers| {
            let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
            tensors.push((name, shape, bytes));
        });
        let weights_path = folder.join(WEIGHTS);
        let damaged = |source| Error::Safetensors {
            path: weights_path.clone(),
            source,
        };
        let views = tensors
            .iter()
            .map(|(name, shape, bytes)| {
                TensorView::new(Dtype::F32, shape.clone(), bytes).map(|view| (name, view))
            })
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(damaged)?;
        // Transformers asks for it.
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        let bytes = serialize(views, Some(metadata)).map_err(damaged)?;
        write_whole(&weights_path, &bytes).map_err(failed(&weights_path))?;
        let config_path = folder.join(CONFIG);
        let text = format!("{:#}\n", self.config().to_json());
        write_whole(&config_path, text.as_bytes()).map_err(failed(&config_path))
    }
}

/// The file that says which tensors there are; and the files of weights, each with the tensors that an index lists for it.
type Shards = (PathBuf, Vec<(PathBuf, Option<BTreeSet<String>>)>);

/// The files of weights in a folder. As in transformers, a file of all weights goes before an index.
fn shards(folder: &Path) -> Result<Shards> {
    let whole = folder.join(WEIGHTS);
    let path = folder.join(INDEX);
    if whole.exists() || !path.exists() {
        return Ok((whole.clone(), vec![(whole, None)]));
    }
    let index: Index = json(&path)?;
    let mut shards: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (tensor, shard) in index.weight_map {
        let mut parts = Path::new(&shard).components();
        let plain = matches!(parts.next(), Some(Component::Normal(name)) if name == shard.as_str());
        if !plain || shard.contains(['/', '\\']) {
            return Err(Error::ShardName { path, given: shard });
        }
        shards.entry(shard).or_default().insert(tensor);
    }
    let files = shards.into_iter();
    let files = files.map(|(shard, listed)| (folder.join(shard), Some(listed)));
    Ok((path, files.collect()))
}

/// The numbers of a tensor, in 32 bits.
fn values(path: &Path, name: &str, tensor: &TensorView<'_>) -> Result<Vec<f32>> {
    let bytes = tensor.data();
    let (pairs, _) = bytes.as_chunks::<2>();
    let (fours, _) = bytes.as_chunks::<4>();
    match tensor.dtype() {
        Dtype::F32 => Ok(fours
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect()),
        Dtype::F16 => Ok(pairs
            .iter()
            .map(|bytes| f16::from_le_bytes(*bytes).to_f32())
            .collect()),
        Dtype::BF16 => Ok(pairs
            .iter()
            .map(|bytes| bf16::from_le_bytes(*bytes).to_f32())
            .collect()),
        other => Err(Error::ElementType {
            path: path.to_owned(),
            name: name.to_owned(),
            given: other.to_string(),
        }),
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })
}

fn json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_slice(&read(path)?).map_err(|source| Error::Json {
        path: path.to_owned(),
        source,
    })
}
