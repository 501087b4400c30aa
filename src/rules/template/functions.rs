//! The functions of Prometheus' templates.

use std::collections::HashMap;
use std::net::IpAddr;

use parking_lot::Mutex;

use crate::base::duration::parse_duration;
use crate::base::gotemplate::{
    Functions, SHARED, Value, as_float, call_shared, format_float, text_of, wrong_count,
};
use crate::model::labels::Labels;
use crate::rules::external::graph_path;
use crate::rules::template::Subject;
use crate::rules::template::humanize::{humanize, humanize_1024, humanize_percentage};

/// The functions besides those that Alertmanager has, too, with their number of arguments.
const NAMES: [(&str, usize); 21] = [
    ("query", 1),
    ("first", 1),
    ("label", 2),
    ("value", 1),
    ("strvalue", 1),
    ("sortByLabel", 2),
    ("humanize", 1),
    ("humanize1024", 1),
    ("humanizePercentage", 1),
    ("humanizeTimestamp", 1),
    ("toTime", 1),
    ("toDuration", 1),
    ("parseDuration", 1),
    ("stripPort", 1),
    ("stripDomain", 1),
    ("tableLink", 1),
    ("graphLink", 1),
    ("externalURL", 0),
    ("pathPrefix", 0),
    ("now", 0),
    // Takes any number.
    ("args", usize::MAX),
];

/// A row of a query's answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

/// Answers of queries by their text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers {
    by_query: HashMap<String, Result<Vec<Row>, String>>,
}

impl Answers {
    /// Keeps an answer.
    pub(crate) fn insert(&mut self, query: String, answer: Result<Vec<Row>, String>) {
        self.by_query.insert(query, answer);
    }

    pub(super) fn len(&self) -> usize {
        self.by_query.len()
    }
}

/// The functions while one template is rendered.
pub(super) struct RuleFunctions<'a> {
    context: Option<(Subject<'a>, &'a Answers)>,
    wanted: Mutex<Option<String>>,
}

impl<'a> RuleFunctions<'a> {
    pub(super) fn new(subject: Subject<'a>, answers: &'a Answers) -> Self {
        RuleFunctions { context: Some((subject, answers)), wanted: Mutex::default() }
    }

    /// The functions as parsing needs them; they cannot be called.
    pub(super) fn names_only() -> Self {
        RuleFunctions { context: None, wanted: Mutex::default() }
    }

    /// Returns the query that ended the rendering.
    pub(super) fn wanted(&self) -> Option<String> {
        self.wanted.lock().clone()
    }

    fn query(&self, answers: &Answers, query: &str) -> Result<Value, String> {
        match answers.by_query.get(query) {
            Some(Ok(rows)) => Ok(Value::list(rows.iter().map(sample))),
            Some(Err(why)) => Err(why.clone()),
            None => {
                *self.wanted.lock() = Some(query.to_owned());
                Err("the query is not answered yet".to_owned())
            }
        }
    }
}

impl Functions for RuleFunctions<'_> {
    fn knows(&self, name: &str) -> bool {
        NAMES.iter().any(|(known, _)| *known == name) || SHARED.contains(&name)
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        if let Some(called) = call_shared(name, arguments) {
            return called;
        }
        let Some((Subject { external, at, .. }, answers)) = self.context else {
            return Err("templates are only checked here".to_owned());
        };
        match (name, arguments) {
            ("query", [query]) => self.query(answers, text_of(query)?),
            ("externalURL", []) => Ok(Value::text(&external.url)),
            ("now", []) => Ok(Value::Float(at.0 as f64 / 1_000.0)),
            ("pathPrefix", []) => Ok(Value::text(external.path())),
            ("args", values) => {
                let names = (0..).map(|index: usize| format!("arg{index}"));
                Ok(Value::map(names.zip(values.iter().cloned())))
            }
            (_, [value]) => one_argument(name, value),
            ("label", [label, row]) => Ok(Value::text(row_label(row, text_of(label)?)?)),
            ("sortByLabel", [label, rows]) => sort_by_label(text_of(label)?, rows),
            _ => {
                let known = NAMES.iter().find(|(known, _)| *known == name);
                Err(wrong_count(name, known.map_or(0, |(_, count)| *count), arguments.len()))
            }
        }
    }
}

fn one_argument(name: &str, value: &Value) -> Result<Value, String> {
    match name {
        "first" => match value {
            Value::List(rows) => rows
                .first()
                .cloned()
                .ok_or_else(|| "first() called on vector with no elements".to_owned()),
            other => Err(not_a_vector(other)),
        },
        "value" => member(value, "Value"),
        "strvalue" => Ok(Value::text(row_label(value, "__value__")?)),
        "humanize" => Ok(Value::from(humanize(as_float(value)?))),
        "humanize1024" => Ok(Value::from(humanize_1024(as_float(value)?))),
        "humanizePercentage" => Ok(Value::from(humanize_percentage(as_float(value)?))),
        "humanizeTimestamp" => {
            let seconds = as_float(value)?;
            if !seconds.is_finite() {
                return Ok(Value::from(format_float(seconds, 'g', Some(4))));
            }
            Ok(Value::from(to_time(seconds)?.to_string()))
        }
        "toTime" => to_time(as_float(value)?),
        "toDuration" => Ok(Value::Duration((as_float(value)? * 1e9) as i64)),
        "parseDuration" => {
            let text = text_of(value)?;
            let (sign, size) = text.strip_prefix('-').map_or((1.0, text), |size| (-1.0, size));
            Ok(Value::Float(sign * parse_duration(size)?.as_secs_f64()))
        }
        "stripPort" => Ok(Value::from(split_port(text_of(value)?).0)),
        "stripDomain" => Ok(Value::from(strip_domain(text_of(value)?))),
        "tableLink" => Ok(Value::from(graph_path(text_of(value)?, 1))),
        "graphLink" => Ok(Value::from(graph_path(text_of(value)?, 0))),
        _ => {
            let known = NAMES.iter().find(|(known, _)| *known == name);
            Err(wrong_count(name, known.map_or(0, |(_, count)| *count), 1))
        }
    }
}

fn not_a_vector(value: &Value) -> String {
    format!("wrong type for value; expected template.queryResult; got {}", value.type_name())
}

fn sample(row: &Row) -> Value {
    let fields =
        [("Labels", Value::text_map(row.labels.iter())), ("Value", Value::Float(row.value))];
    Value::record("template.sample", fields)
}

fn member(row: &Value, name: &str) -> Result<Value, String> {
    let wrong =
        || format!("wrong type for value; expected *template.sample; got {}", row.type_name());
    let Value::Object(object) = row else { return Err(wrong()) };
    object.member(name, &[]).ok_or_else(wrong)?
}

fn row_label(row: &Value, label: &str) -> Result<String, String> {
    match member(row, "Labels")? {
        Value::Map(labels) => Ok(labels.get(label).map(Value::to_string).unwrap_or_default()),
        other => Err(not_a_vector(&other)),
    }
}

fn sort_by_label(label: &str, rows: &Value) -> Result<Value, String> {
    let Value::List(rows) = rows else { return Err(not_a_vector(rows)) };
    let mut keyed = Vec::with_capacity(rows.len());
    for row in rows.iter() {
        keyed.push((row_label(row, label)?, row.clone()));
    }
    keyed.sort_by(|left, right| left.0.cmp(&right.0));
    Ok(Value::list(keyed.into_iter().map(|(_, row)| row)))
}

fn to_time(seconds: f64) -> Result<Value, String> {
    let ms = seconds * 1_000.0;
    let fits = ms.is_finite() && ms.abs() < 9.2e18;
    match if fits { Value::time_ms(ms as i64) } else { Value::Nil } {
        Value::Nil => Err(format!("{seconds} cannot be represented as a time")),
        time => Ok(time),
    }
}

/// Splits `host:port` and `[v6]:port`; a text without a port stays whole.
fn split_port(text: &str) -> (String, Option<&str>) {
    let Some((host, port)) = text.rsplit_once(':') else { return (text.to_owned(), None) };
    if let Some(inner) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return (inner.to_owned(), Some(port));
    }
    if host.contains([':', '[', ']']) {
        return (text.to_owned(), None);
    }
    (host.to_owned(), Some(port))
}

/// Takes the domain off a host name; addresses stay, the port, too.
fn strip_domain(text: &str) -> String {
    let (host, port) = split_port(text);
    if host.parse::<IpAddr>().is_ok() {
        return text.to_owned();
    }
    let short = host.split('.').next().unwrap_or_default();
    port.map_or_else(|| short.to_owned(), |port| format!("{short}:{port}"))
}
