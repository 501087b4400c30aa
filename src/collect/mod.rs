//! Data that the appliance fetches or makes itself.
