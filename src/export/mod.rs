//! A host's plan as something that needs no pinboot: a script, or user data of cloud-init.

mod cloud_init;
mod refused;
mod script;

pub use cloud_init::{LARGEST_USER_DATA, TooLarge, UserData, cloud_init, from_address};
pub use refused::{Format, refusals};
pub use script::{Export, Secrets};
