//! What is trained.

use crate::network::mlp::Activation;
use crate::network::tabular::TabularConfig;
use crate::network::transformer::TransformerConfig;
use crate::tasks::custom::{Extensions, Parameters};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use trimtab_env::bounds::check_widths;

/// What is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum ModelConfig {
    /// A multilayer perceptron.
    Mlp {
        /// Widths of the hidden layers.
        hidden: Vec<usize>,
        /// The nonlinearity.
        #[serde(default)]
        activation: Activation,
    },
    /// A network for tables: embedded numbers, and an ensemble whose members share their layers.
    Tabular(TabularConfig),
    /// A convolutional network; for images.
    Cnn {
        /// Channels of the convolutions.
        channels: Vec<usize>,
    },
    /// A transformer; for images in patches, or with `patch: 1` for tables.
    Transformer(TransformerConfig),
    /// One that the program has added: [`Extensions`].
    Custom {
        /// Its name there.
        name: String,
        /// What its constructor reads.
        #[serde(default)]
        parameters: Parameters,
    },
}

impl ModelConfig {
    /// Checks the sizes of the architecture by themselves, before anything is allocated: for `inputs` numbers, or channels
    /// of an image.
    ///
    /// # Errors
    /// [`Error::Bounds`] naming the size, or what all of them would take.
    pub fn validate(&self, inputs: usize) -> Result<()> {
        match self {
            Self::Mlp { hidden, .. } => check_widths("model.hidden", inputs, hidden, 1)?,
            Self::Cnn { channels } => {
                check_widths(
                    "model.channels",
                    inputs,
                    channels,
                    crate::network::cnn::KERNEL.pow(2),
                )?;
            }
            Self::Tabular(config) => config.validate(inputs)?,
            Self::Transformer(config) => config.validate()?,
            // Its constructor knows.
            Self::Custom { .. } => {}
        }
        Ok(())
    }

    /// The same with these numbers of units in its hidden layers, or of channels in its convolutions: as pruning has left it. Others stay as they
    /// are.
    #[must_use]
    pub fn resized(mut self, units: &[usize]) -> Self {
        match &mut self {
            Self::Mlp { hidden, .. } => *hidden = units.to_vec(),
            Self::Tabular(config) => config.hidden = units.to_vec(),
            Self::Cnn { channels } => *channels = units.to_vec(),
            Self::Transformer(_) | Self::Custom { .. } => {}
        }
        self
    }

    /// Checks that it exists: in this crate, or among `models`.
    ///
    /// # Errors
    /// [`Error::Config`] with the names that there are.
    pub fn check_known(&self, extensions: &Extensions) -> Result<()> {
        match self {
            Self::Custom { name, .. } => extensions.model(name).map(drop),
            Self::Mlp { .. } | Self::Tabular(_) | Self::Cnn { .. } | Self::Transformer(_) => Ok(()),
        }
    }

    /// Checks the architecture against the inputs that it is for: of `shape` (channels, height, width), and what they are called.
    ///
    /// # Errors
    /// [`Error::Config`] naming what does not fit.
    pub fn check(&self, shape: [usize; 3], inputs: &str) -> Result<()> {
        let features = match self {
            Self::Mlp { .. } | Self::Tabular(_) | Self::Custom { .. } => shape.iter().product(),
            Self::Cnn { .. } | Self::Transformer(_) => shape[0],
        };
        self.validate(features)?;
        if let Self::Tabular(TabularConfig {
            numbers: Some(numbers),
            ..
        }) = self
            && *numbers > features
        {
            return Err(Error::Config {
                field: "model.numbers".to_owned(),
                given: numbers.to_string(),
                allowed: format!("at most the {features} inputs of `{inputs}`"),
            });
        }
        if let Self::Transformer(config) = self {
            return config.check(shape, inputs);
        }
        if matches!(self, Self::Cnn { .. }) && shape[1].min(shape[2]) < 2 {
            return Err(Error::Config {
                field: "model".to_owned(),
                given: format!("Cnn on `{inputs}`"),
                allowed: "a Cnn only on images; use Mlp for tables".to_owned(),
            });
        }
        Ok(())
    }
}
