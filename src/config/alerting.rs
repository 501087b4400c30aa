//! The keys `alertmanager` and `alertmanager_file`: whom to tell of alerts.

use std::cell::RefCell;
use std::path::Path;

use crate::alerting::AlertingConfig;
use crate::alerting::config;
use crate::base::yaml::fault::{Fault, Faults};
use crate::base::yaml::node::{self, Value};
use crate::base::yaml::reader::{Context, Section};

/// The largest file, in bytes.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Reads the section or the file; without both everything is seen and nobody is told.
pub(crate) fn read(context: &Context<'_>, root: &Section<'_>) -> AlertingConfig {
    let is_empty = |value: &Value| matches!(value, Value::Map(entries) if entries.is_empty());
    let here = root.node("alertmanager").filter(|node| !is_empty(&node.value));
    let file = root.text("alertmanager_file");
    match (here, file) {
        (None, None) => AlertingConfig::default(),
        (Some(node), None) => config::read(context, "alertmanager", node),
        (None, Some(file)) => read_file(context, root, &file),
        (Some(_), Some(_)) => {
            let why = "write either alertmanager or alertmanager_file, not both";
            root.fault("alertmanager_file", why);
            AlertingConfig::default()
        }
    }
}

/// Reads a file of Alertmanager's own, whose faults become faults of the configuration. Dollar signs
/// stand for themselves there.
fn read_file(context: &Context<'_>, root: &Section<'_>, file: &str) -> AlertingConfig {
    let path = context.folder.join(file);
    let too_large = std::fs::metadata(&path).is_ok_and(|about| about.len() > MAX_FILE_BYTES);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) if !too_large => text,
        Ok(_) => {
            root.fault("alertmanager_file", format!("{} is too large", path.display()));
            return AlertingConfig::default();
        }
        Err(error) => {
            let why = format!("cannot read {}: {error}", path.display());
            root.fault("alertmanager_file", why);
            return AlertingConfig::default();
        }
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    match read_text(&path.display().to_string(), folder, &text) {
        Ok(read) => read,
        Err(mut faults) => {
            context.faults.borrow_mut().append(&mut faults.0);
            AlertingConfig::default()
        }
    }
}

/// Reads the text of a file of Alertmanager's own, which is called `place` in faults.
///
/// # Errors
/// Every fault at once.
pub fn read_alertmanager(place: &str, text: &str) -> Result<AlertingConfig, Faults> {
    read_text(place, Path::new("."), text)
}

fn read_text(place: &str, folder: &Path, text: &str) -> Result<AlertingConfig, Faults> {
    let place = place.to_owned();
    let node = node::parse(text).map_err(|wrong| {
        let (place, line, key) = (place.clone(), Some(wrong.line), String::new());
        Faults(vec![Fault { place, line, key, message: wrong.message }])
    })?;
    let as_written = |name: &str| Some(format!("${{{name}}}"));
    let own = Context { place, folder, environment: &as_written, faults: RefCell::default() };
    let read = config::read(&own, "", &node);
    match own.faults.into_inner() {
        faults if faults.is_empty() => Ok(read),
        faults => Err(Faults(faults)),
    }
}
