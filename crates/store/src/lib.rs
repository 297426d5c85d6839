//! medcor-store.
