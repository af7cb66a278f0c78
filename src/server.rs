//! Wiring and shutdown of the appliance.
