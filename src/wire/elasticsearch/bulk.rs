//! The `_bulk` body: an action line, then (but for deletes) a document line.
//!
//! Tolerant as real clients need it: stray keys beside the action (winston-elasticsearch sends
//! `"attempts":0`), null parameters, `\r\n`, blank lines, a missing last newline.

use serde_json::Value;

/// What one item of a bulk request wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Add or replace a document.
    Index(Box<str>),
    /// Add a document unless its id exists.
    Create(Box<str>),
    /// Change a document in part.
    Update(Box<Update>),
    /// Remove a document.
    Delete,
}

impl Action {
    /// Returns the action's name, the key of its answer.
    pub fn name(&self) -> &'static str {
        match self {
            Action::Index(_) => "index",
            Action::Create(_) => "create",
            Action::Update(_) => "update",
            Action::Delete => "delete",
        }
    }
}

/// A partial update.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// What to merge into the document.
    pub doc: Option<Value>,
    /// The document to add when there is none.
    pub upsert: Option<Value>,
}

/// One item of a bulk request.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// What it wants, or why it cannot be done (its neighbours are not touched).
    pub action: Result<Action, ItemFault>,
    /// The index it names, else the request's.
    pub index: String,
    /// The id it names.
    pub id: Option<String>,
}

/// Why one item cannot be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemFault {
    /// The action's name, the key of its answer.
    pub action: &'static str,
    /// Why.
    pub reason: String,
}

/// Reads a bulk body. `default_index` is that of the path; `max_items` caps the request.
///
/// # Errors
/// A reason when an action line makes no sense: the pairing of lines is lost from there on, so the
/// whole request is refused, as Elasticsearch does.
pub fn decode(
    body: &[u8],
    default_index: Option<&str>,
    max_items: usize,
) -> Result<Vec<Item>, String> {
    let mut lines = body.split(|byte| *byte == b'\n').enumerate().filter_map(|(number, line)| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let blank = line.iter().all(u8::is_ascii_whitespace);
        (!blank).then_some((number + 1, line))
    });
    let mut items = Vec::new();
    while let Some((number, line)) = lines.next() {
        if items.len() >= max_items {
            return Err(format!(
                "the request has more than {max_items} items; send smaller batches"
            ));
        }
        let (name, parameters) = action_line(line, number)?;
        let index = text_parameter(&parameters, "_index")
            .or_else(|| default_index.map(str::to_owned))
            .ok_or_else(|| {
                format!("Malformed action/metadata line [{number}], index is missing")
            })?;
        let id = text_parameter(&parameters, "_id");
        let created = text_parameter(&parameters, "op_type").is_some_and(|kind| kind == "create");
        let name = if name == "index" && created { "create" } else { name };
        let action = match name {
            "delete" => Ok(Action::Delete),
            _ => match lines.next() {
                Some((_, document)) => document_action(name, document),
                None => {
                    return Err(format!(
                        "The bulk request ends after action line [{number}], its document is missing"
                    ));
                }
            },
        };
        let action = action.map_err(|reason| ItemFault { action: name, reason });
        items.push(Item { action, index, id });
    }
    if items.is_empty() {
        return Err("request body is required".to_owned());
    }
    Ok(items)
}

fn action_line(line: &[u8], number: usize) -> Result<(&'static str, Value), String> {
    let malformed = |why: String| format!("Malformed action/metadata line [{number}], {why}");
    let parsed: Value =
        serde_json::from_slice(line).map_err(|error| malformed(error.to_string()))?;
    let Value::Object(mut keys) = parsed else {
        return Err(malformed("expected an object".to_owned()));
    };
    for name in ["index", "create", "update", "delete"] {
        match keys.remove(name) {
            Some(parameters @ (Value::Object(_) | Value::Null)) => return Ok((name, parameters)),
            Some(_) => return Err(malformed(format!("[{name}] is not an object"))),
            None => {}
        }
    }
    Err(malformed("expected one of [create, delete, index, update]".to_owned()))
}

/// Returns a parameter as text; numbers as their digits, null as not given.
fn text_parameter(parameters: &Value, name: &str) -> Option<String> {
    match parameters.get(name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn document_action(name: &str, line: &[u8]) -> Result<Action, String> {
    let text =
        std::str::from_utf8(line).map_err(|_| "the document is not valid UTF-8".to_owned())?;
    match name {
        "create" => Ok(Action::Create(text.into())),
        "update" => update(text).map(|update| Action::Update(Box::new(update))),
        _ => Ok(Action::Index(text.into())),
    }
}

/// Reads the body of an update.
///
/// # Errors
/// A reason: not an object, a script, or nothing to do.
pub fn update(text: &str) -> Result<Update, String> {
    let body: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if body.get("script").is_some() {
        return Err("scripts are not supported in updates; send a partial [doc]".to_owned());
    }
    let doc = body.get("doc").filter(|doc| doc.is_object()).cloned();
    let as_upsert = body.get("doc_as_upsert").and_then(Value::as_bool).unwrap_or(false);
    let upsert = match body.get("upsert") {
        Some(upsert) if upsert.is_object() => Some(upsert.clone()),
        _ if as_upsert => doc.clone(),
        _ => None,
    };
    if doc.is_none() && upsert.is_none() {
        return Err("script or doc is missing".to_owned());
    }
    Ok(Update { doc, upsert })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_winston_elasticsearch_are_taken() {
        let body = b"{\"index\":{\"_index\":\"logs\",\"pipeline\":null},\"attempts\":0}\r\n{\"message\":\"a\"}\r\n\n";
        let items = decode(body, None, 10).unwrap();
        assert_eq!(items[0].index, "logs");
        assert_eq!(items[0].action, Ok(Action::Index("{\"message\":\"a\"}".into())));
    }

    #[test]
    fn a_missing_last_newline_and_a_path_index_are_fine() {
        let items = decode(b"{\"create\":{\"_id\":7}}\n{}", Some("a"), 10).unwrap();
        assert_eq!((items[0].index.as_str(), items[0].id.as_deref()), ("a", Some("7")));
    }

    #[test]
    fn a_broken_action_line_refuses_the_request_and_says_where() {
        for body in ["{}\n{}", "nonsense\n{}", "{\"index\":[]}\n{}", "{\"index\":{}}\n{}", "", "\n"]
        {
            assert!(decode(body.as_bytes(), None, 10).is_err(), "{body:?}");
        }
        let error =
            decode(b"{\"delete\":{\"_index\":\"a\"}}\n{\"foo\":{}}\n", None, 10).unwrap_err();
        assert!(error.contains("[2]"), "{error}");
    }

    #[test]
    fn a_document_that_is_not_utf8_fails_alone() {
        let body = b"{\"index\":{}}\n\"\xff\"\n{\"index\":{}}\n{}\n";
        let items = decode(body, Some("a"), 10).unwrap();
        assert!(items[0].action.is_err() && items[1].action.is_ok());
    }

    #[test]
    fn a_script_is_named_as_unsupported() {
        let body = b"{\"update\":{\"_id\":\"1\"}}\n{\"script\":\"x\"}\n";
        let items = decode(body, Some("a"), 10).unwrap();
        assert!(items[0].action.as_ref().unwrap_err().reason.contains("scripts are not supported"));
    }
}
