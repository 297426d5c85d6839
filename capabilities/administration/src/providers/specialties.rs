//! Specialties: those of the organisation's catalogue, which is a `CodeSystem`, and those that its clinicians have
//! besides. Booking and lists of doctors read the roles of clinicians, and so what is written here is written there.

mod catalogue;
mod create;
mod doctors;
mod find;
mod given;
mod held;
mod update;

pub(super) use self::{
    catalogue::Specialty,
    create::CreateSpecialty,
    doctors::GetSpecialtyDoctors,
    find::{GetSpecialty, ListSpecialties},
    held::ListDoctorSpecialties,
    update::UpdateDoctorSpecialties,
};
