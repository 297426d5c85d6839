//! Permits for what the server does on the operator's behalf: importing, exporting, seeding.
//!
//! The names of these functions are the list of such work. `clippy.toml` bans them outside the
//! commands that run it.

use crate::{ActionSet, Grant, Permit, Reach, TenantId};

/// The operator loads records into a tenant with `medcor import` or `medcor seed`.
pub fn permit_import(tenant: TenantId) -> Permit {
    Permit::of_system(tenant, "import", vec![everything(ActionSet::ALL)], Vec::new())
}

/// The operator writes a tenant's records to files with `medcor export`.
pub fn permit_export(tenant: TenantId) -> Permit {
    Permit::of_system(tenant, "export", vec![everything(ActionSet::READ)], Vec::new())
}

fn everything(actions: ActionSet) -> Grant {
    Grant { actions, resource_type: None, reach: Reach::Tenant }
}
