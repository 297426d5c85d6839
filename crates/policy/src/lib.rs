//! medcor-policy.
