//! medcor-administration.
