//! medcor-clinical.
