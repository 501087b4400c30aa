//! The kinds of values that expressions have.

/// The types of PromQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// A number.
    Scalar,
    /// A text.
    Text,
    /// Series with one value each.
    Vector,
    /// Series with values over time.
    Matrix,
}

impl ValueType {
    /// Returns the type's name in the documentation and in error texts.
    pub fn documented(self) -> &'static str {
        match self {
            ValueType::Scalar => "scalar",
            ValueType::Text => "string",
            ValueType::Vector => "instant vector",
            ValueType::Matrix => "range vector",
        }
    }

    /// Returns the type's name in the HTTP API.
    pub fn api(self) -> &'static str {
        match self {
            ValueType::Scalar => "scalar",
            ValueType::Text => "string",
            ValueType::Vector => "vector",
            ValueType::Matrix => "matrix",
        }
    }
}
