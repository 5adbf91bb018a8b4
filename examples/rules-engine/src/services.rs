//! The nine services. Each is a folder here: its aggregate or read model, its handlers, its requests, its configuration.

pub mod calculator;
pub mod coupons;
pub mod loyalty;
pub mod payments;
pub mod promotions;
pub mod rules_calculation;
pub mod rules_evaluation;
pub mod rules_management;
pub mod taxes;

use eventsmith::Bus;

use crate::config::Config;
use crate::parts::Parts;

/// Makes the parts of a service.
type Make = fn(&Bus, &Config) -> Parts;

/// The services by the names that the catalogue gives them.
pub const SERVICES: [(&str, Make); 9] = [
    ("rules-management", |bus, _| rules_management::parts(bus)),
    ("rules-calculation", |bus, _| rules_calculation::parts(bus)),
    ("rules-evaluation", |bus, config| rules_evaluation::parts(bus, &config.evaluation)),
    ("promotions", |bus, config| promotions::parts(bus, &config.promotions)),
    ("loyalty", |bus, config| loyalty::parts(bus, &config.loyalty)),
    ("coupons", |bus, config| coupons::parts(bus, &config.coupons)),
    ("taxes", |bus, config| taxes::parts(bus, &config.taxes)),
    ("payments", |bus, config| payments::parts(bus, &config.payments)),
    ("calculator", |bus, config| calculator::parts(bus, &config.calculator)),
];
