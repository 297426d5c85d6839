//! medcor.
