//! The journal against a model: a map of rows, a log with holes, and every way to lose or bend it.

mod broken;
mod histories;
mod model;
mod size;
