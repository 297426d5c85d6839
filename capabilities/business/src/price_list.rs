//! Services that can be booked, each with its price: FHIR `HealthcareService`, to which appointments refer.

mod find;
mod price;
mod row;
mod statistics;
mod write;

use medcor_tools::{Capability, tool};

pub(crate) use self::{price::currency, row::Service};

pub(super) static SERVICES: Capability = Capability {
    name: "services",
    description: "The services that the organisation offers, and their prices.",
    tools: &[
        tool::<find::ListServices>(),
        tool::<find::GetService>(),
        tool::<statistics::GetTreatmentStats>(),
        tool::<write::CreateService>(),
        tool::<write::UpdateService>(),
    ],
    prompts: &[],
};
