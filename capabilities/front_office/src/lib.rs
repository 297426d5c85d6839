//! medcor-front-office.
