//! Values that only the host knows, and what is made of them there: facts, and expressions over facts and registered values.
//!
//! An expression is pure data ([`Expr`], [`Condition`]). It has one compiler to shell, [`Expr::function`]: the runner calls the
//! function before a step that uses the value, and the step's shell finds the result like a registered value, as
//! `$pb_r_NAME`. What a step registers has a name that begins with a letter, a fact's begins with `0`, and that of an expression with
//! `1` or `2` and the digest of its shell: an expression that may hold a secret has `2`.

mod cases;
mod expr;
mod facts;
mod library;
mod possible;
mod shell;

pub use cases::cases;
pub use expr::{Calculation, Comparison, Condition, Expr, ExprType, Filter, Leaf};
pub use facts::{ANSIBLE, FACTS, Fact, fact, of_ansible};
pub use library::helpers;
pub use possible::possible;

/// What the variables of values in the host's shells begin with.
pub const PREFIX: &str = "pb_r_";

/// What the functions of expressions begin with, before the name of the value.
pub const FUNCTION: &str = "pb_v_";

/// Whether a value's name is that of a fact.
pub fn is_fact(variable: &str) -> bool {
    variable.starts_with('0')
}

/// Whether a value's name is that of an expression.
pub fn is_expression(variable: &str) -> bool {
    variable.starts_with(['1', '2'])
}

/// Whether the value of this name may hold a secret.
pub fn may_hold_secret(variable: &str) -> bool {
    variable.starts_with('2')
}

/// The names of the values that a piece of shell uses, in order, each as often as it is used.
pub fn used_in(shell: &str) -> impl Iterator<Item = &str> {
    shell.split("$pb_r_").skip(1).map(|behind| {
        let end = behind.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(behind.len());
        &behind[..end]
    })
}
