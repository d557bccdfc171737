//! TLS on the driver, in a hostile world.
