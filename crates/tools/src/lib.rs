//! medcor-tools.
