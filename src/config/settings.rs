//! The layers of the configuration, laid over each other: what each key is set to, and where.

use std::{ffi::OsString, fmt, path::PathBuf};

use toml::Value;

use super::{
    environment,
    error::{ConfigError, Conflict, Origin, ValueError},
    file, sections,
    types::describe,
};

/// A key of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its name with its section, for example `delivery.timeout`.
    pub path: &'static str,
    /// What it is if nobody sets it, in TOML; none where it may stay unset.
    pub default: Option<&'static str>,
}

impl Key {
    /// Whether its value must not be shown.
    pub fn is_secret(&self) -> bool {
        self.default.is_none()
    }

    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        environment::variable(self.path)
    }

    /// Its default as a value.
    pub(super) fn default_value(&self) -> Option<Value> {
        let mut document = toml::from_str(&format!("value = {}", self.default?)).ok();
        document
            .as_mut()
            .and_then(|table: &mut toml::Table| table.remove("value"))
    }
}

/// A flag that sets a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Flag {
    /// The flag, for example `--listen`.
    pub name: &'static str,
    /// The key that it sets.
    pub key: &'static str,
    /// What it sets it to.
    pub value: String,
}

/// What the configuration is made of, besides the built-in defaults.
#[derive(Clone, Default)]
pub struct Sources {
    /// The file that was named; without one, [`super::DEFAULT_FILE`] is read if it is there.
    pub file: Option<PathBuf>,
    /// The environment; only what begins with `RIPOSTE_` counts.
    pub environment: Vec<(OsString, OsString)>,
    /// The flags.
    pub flags: Vec<Flag>,
    /// Whether the development profile was asked for.
    pub dev: bool,
}

/// What a key is set to.
#[derive(Clone, PartialEq)]
pub struct Setting {
    /// The key.
    pub key: &'static Key,
    /// Its value as it was given; none where it stayed unset.
    pub value: Option<Value>,
    /// Where it was given.
    pub origin: Origin,
}

impl fmt::Debug for Setting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} from {}", self.key.path, self.origin)
    }
}

/// What one layer says about one key.
pub(super) struct Found {
    pub(super) key: String,
    pub(super) value: Given,
    pub(super) origin: Origin,
}

/// A value as its layer knows it: a file has types, the environment and flags have text only.
pub(super) enum Given {
    Value(Value),
    Text(String),
}

/// Every key with what it is set to.
#[derive(Debug, Clone)]
pub struct Settings {
    dev: bool,
    all: Vec<Setting>,
}

impl Settings {
    /// Lays the layers over each other.
    ///
    /// # Errors
    /// A file that cannot be read, or a key that nobody knows. Values are not checked yet.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let mut settings = Self::defaults(sources.dev);
        let flags = sources.flags.iter().map(Found::from);
        for found in file::read(sources.file.as_deref())?
            .into_iter()
            .chain(environment::read(&sources.environment)?)
            .chain(flags)
        {
            settings.lay_over(found)?;
        }
        Ok(settings)
    }

    /// All of them, in the order of [`sections::keys`].
    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.all.iter()
    }

    /// Whether the development profile was asked for.
    pub fn dev(&self) -> bool {
        self.dev
    }

    /// Where `path` is set.
    pub fn origin(&self, path: &str) -> Origin {
        self.find(path)
            .map_or(Origin::Default, |setting| setting.origin.clone())
    }

    /// What `path` is set to, as `read` understands it.
    pub(super) fn get<T>(
        &self,
        path: &'static str,
        read: impl Fn(&Value) -> Result<T, ValueError>,
    ) -> Result<T, ConfigError> {
        let value = self.get_optional(path, read)?;
        value.ok_or_else(|| self.refusal(path, ValueError::Missing))
    }

    /// What `path` is set to, as `read` understands it; none if it is not set.
    pub(super) fn get_optional<T>(
        &self,
        path: &'static str,
        read: impl Fn(&Value) -> Result<T, ValueError>,
    ) -> Result<Option<T>, ConfigError> {
        let value = self.value(path).map(read).transpose();
        value.map_err(|problem| self.refusal(path, problem))
    }

    /// The error that says that `smaller` is set to more than `larger`.
    pub(super) fn conflict(&self, smaller: &'static str, larger: &'static str) -> ConfigError {
        let shown = |path| self.value(path).map(describe).unwrap_or_default();
        let origin = match self.origin(smaller) {
            Origin::Default => self.origin(larger),
            given => given,
        };
        let conflict = Conflict {
            smaller,
            smaller_value: shown(smaller),
            larger,
            larger_value: shown(larger),
            larger_origin: self.origin(larger),
        };
        ConfigError::Conflict {
            origin,
            conflict: Box::new(conflict),
        }
    }

    fn defaults(dev: bool) -> Self {
        let all = sections::keys().map(|key| Setting {
            key,
            value: key.default_value(),
            origin: Origin::Default,
        });
        Self {
            dev,
            all: all.collect(),
        }
    }

    fn refusal(&self, path: &'static str, problem: ValueError) -> ConfigError {
        ConfigError::Value {
            origin: self.origin(path),
            key: path,
            problem,
        }
    }

    fn value(&self, path: &str) -> Option<&Value> {
        self.find(path)?.value.as_ref()
    }

    fn find(&self, path: &str) -> Option<&Setting> {
        self.all.iter().find(|setting| setting.key.path == path)
    }

    fn lay_over(&mut self, found: Found) -> Result<(), ConfigError> {
        let Found { key, value, origin } = found;
        let Some(setting) = self.all.iter_mut().find(|setting| setting.key.path == key) else {
            let hint = hint(&key, &origin);
            return Err(ConfigError::UnknownKey { origin, key, hint });
        };
        setting.value = Some(match value {
            Given::Value(value) => value,
            Given::Text(text) => environment::value_of(setting.key, &text),
        });
        setting.origin = origin;
        Ok(())
    }
}

impl From<&Flag> for Found {
    fn from(flag: &Flag) -> Self {
        Self {
            key: flag.key.to_owned(),
            value: Given::Text(flag.value.clone()),
            origin: Origin::Flag(flag.name),
        }
    }
}

/// What to say about a key that nobody knows: the nearest one, as it is written at `origin`.
fn hint(key: &str, origin: &Origin) -> String {
    match nearest(key) {
        Some(known) => match origin {
            Origin::Environment(_) => format!("did you mean {}?", known.variable()),
            _ => format!("did you mean {}?", known.path),
        },
        None => "`riposte check` lists the keys that there are".to_owned(),
    }
}

/// The known key that differs from `key` by a slip of the fingers, or by its section alone.
fn nearest(key: &str) -> Option<&'static Key> {
    let name = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let distance = |known: &str| {
        let whole = strsim::osa_distance(key, known);
        let without_section = strsim::osa_distance(&name(key), &name(known)) + 1;
        whole.min(without_section)
    };
    sections::keys()
        .map(|known| (distance(known.path), known))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= (key.len() / 3).clamp(1, 4))
        .map(|(_, known)| known)
}
