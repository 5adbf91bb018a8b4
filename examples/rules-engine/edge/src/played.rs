//! Servers that play the systems of others, in the process: as strict as those are, and with faults on demand. They remember all that
//! they did, so that an auditor can count it.

mod faults;
mod gateway;
mod receiver;
mod server;
mod tax_service;

pub use faults::{Fault, Faults};
pub use gateway::{PlayedCharge, PlayedGateway};
pub use receiver::{PlayedReceiver, ReceivedCall};
pub use tax_service::PlayedTaxService;
