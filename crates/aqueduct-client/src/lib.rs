//! Who asks: a blocking client of an Aqueduct server.

#![forbid(unsafe_code)]
