//! The functions of PromQL and the types of their arguments.

use crate::query::promql::value_type::ValueType;

/// A function's name and types.
#[derive(Debug, PartialEq, Eq)]
pub struct Signature {
    /// The name.
    pub name: &'static str,
    /// Types of the arguments; the last one repeats when the call is variadic.
    pub arguments: &'static [ValueType],
    /// How many arguments may be added to all but the last type.
    pub variadic: Variadic,
    /// Type of the result.
    pub result: ValueType,
}

/// How the number of arguments may vary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variadic {
    /// As many as there are types.
    No,
    /// One less than there are types, and at most this many more.
    UpTo(usize),
    /// One less than there are types, or more.
    Any,
}

/// Returns the function of this name.
pub fn signature(name: &str) -> Option<&'static Signature> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

const SCALAR: ValueType = ValueType::Scalar;
const TEXT: ValueType = ValueType::Text;
const VECTOR: ValueType = ValueType::Vector;
const MATRIX: ValueType = ValueType::Matrix;

const fn fixed(name: &'static str, arguments: &'static [ValueType]) -> Signature {
    Signature { name, arguments, variadic: Variadic::No, result: VECTOR }
}

const fn scalar(name: &'static str, arguments: &'static [ValueType]) -> Signature {
    Signature { name, arguments, variadic: Variadic::No, result: SCALAR }
}

const fn vary(
    name: &'static str,
    arguments: &'static [ValueType],
    variadic: Variadic,
) -> Signature {
    Signature { name, arguments, variadic, result: VECTOR }
}

const fn maybe(name: &'static str) -> Signature {
    vary(name, &[VECTOR], Variadic::UpTo(1))
}

/// Every function, sorted by name.
pub static FUNCTIONS: &[Signature] = &[
    fixed("abs", &[VECTOR]),
    fixed("absent", &[VECTOR]),
    fixed("absent_over_time", &[MATRIX]),
    fixed("acos", &[VECTOR]),
    fixed("acosh", &[VECTOR]),
    fixed("asin", &[VECTOR]),
    fixed("asinh", &[VECTOR]),
    fixed("atan", &[VECTOR]),
    fixed("atanh", &[VECTOR]),
    fixed("avg_over_time", &[MATRIX]),
    fixed("ceil", &[VECTOR]),
    fixed("changes", &[MATRIX]),
    fixed("clamp", &[VECTOR, SCALAR, SCALAR]),
    fixed("clamp_max", &[VECTOR, SCALAR]),
    fixed("clamp_min", &[VECTOR, SCALAR]),
    fixed("cos", &[VECTOR]),
    fixed("cosh", &[VECTOR]),
    fixed("count_over_time", &[MATRIX]),
    maybe("day_of_month"),
    maybe("day_of_week"),
    maybe("day_of_year"),
    maybe("days_in_month"),
    fixed("deg", &[VECTOR]),
    fixed("delta", &[MATRIX]),
    fixed("deriv", &[MATRIX]),
    fixed("double_exponential_smoothing", &[MATRIX, SCALAR, SCALAR]),
    scalar("end", &[]),
    fixed("exp", &[VECTOR]),
    fixed("first_over_time", &[MATRIX]),
    fixed("floor", &[VECTOR]),
    fixed("histogram_avg", &[VECTOR]),
    fixed("histogram_count", &[VECTOR]),
    fixed("histogram_fraction", &[SCALAR, SCALAR, VECTOR]),
    fixed("histogram_quantile", &[SCALAR, VECTOR]),
    vary("histogram_quantiles", &[VECTOR, TEXT, SCALAR, SCALAR], Variadic::UpTo(9)),
    fixed("histogram_stddev", &[VECTOR]),
    fixed("histogram_stdvar", &[VECTOR]),
    fixed("histogram_sum", &[VECTOR]),
    maybe("hour"),
    fixed("idelta", &[MATRIX]),
    fixed("increase", &[MATRIX]),
    vary("info", &[VECTOR, VECTOR], Variadic::UpTo(1)),
    fixed("irate", &[MATRIX]),
    vary("label_join", &[VECTOR, TEXT, TEXT, TEXT], Variadic::Any),
    fixed("label_replace", &[VECTOR, TEXT, TEXT, TEXT, TEXT]),
    fixed("last_over_time", &[MATRIX]),
    fixed("ln", &[VECTOR]),
    fixed("log10", &[VECTOR]),
    fixed("log2", &[VECTOR]),
    fixed("mad_over_time", &[MATRIX]),
    scalar("max_of", &[SCALAR, SCALAR]),
    fixed("max_over_time", &[MATRIX]),
    scalar("min_of", &[SCALAR, SCALAR]),
    fixed("min_over_time", &[MATRIX]),
    maybe("minute"),
    maybe("month"),
    scalar("pi", &[]),
    fixed("predict_linear", &[MATRIX, SCALAR]),
    fixed("present_over_time", &[MATRIX]),
    fixed("quantile_over_time", &[SCALAR, MATRIX]),
    fixed("rad", &[VECTOR]),
    scalar("range", &[]),
    fixed("rate", &[MATRIX]),
    fixed("resets", &[MATRIX]),
    vary("round", &[VECTOR, SCALAR], Variadic::UpTo(1)),
    scalar("scalar", &[VECTOR]),
    fixed("sgn", &[VECTOR]),
    fixed("sin", &[VECTOR]),
    fixed("sinh", &[VECTOR]),
    fixed("sort", &[VECTOR]),
    vary("sort_by_label", &[VECTOR, TEXT], Variadic::Any),
    vary("sort_by_label_desc", &[VECTOR, TEXT], Variadic::Any),
    fixed("sort_desc", &[VECTOR]),
    fixed("sqrt", &[VECTOR]),
    scalar("start", &[]),
    fixed("start_timestamp", &[VECTOR]),
    fixed("stddev_over_time", &[MATRIX]),
    fixed("stdvar_over_time", &[MATRIX]),
    scalar("step", &[]),
    fixed("sum_over_time", &[MATRIX]),
    fixed("tan", &[VECTOR]),
    fixed("tanh", &[VECTOR]),
    scalar("time", &[]),
    fixed("timestamp", &[VECTOR]),
    fixed("ts_of_first_over_time", &[MATRIX]),
    fixed("ts_of_last_over_time", &[MATRIX]),
    fixed("ts_of_max_over_time", &[MATRIX]),
    fixed("ts_of_min_over_time", &[MATRIX]),
    fixed("vector", &[SCALAR]),
    maybe("year"),
];
