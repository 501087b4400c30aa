//! The Make.com client and its rate budget.
