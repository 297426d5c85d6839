//! medcor-oauth.
