// Books the first free time: finds the patient and the clinicians of a specialty, looks up free times, books,
// and reads the appointment again.
//
//   node booking.js PATIENT SPECIALTY DATE [REASON]
//   node booking.js MRN000042 cardiology 2026-12-03 "chest pain on exertion"

import { run, server } from "./program.js";

/** The booking flow. `patient` is an id, an MRN, a telephone number or a full name. */
async function book(medcor, { patient, specialty, date, reason }) {
  const [found, free] = await Promise.all([
    medcor.invoke("get_patient", { patient }),
    medcor.invoke("list_appointment_slots", { specialty, date, limit: 1 }),
  ]);
  const [slot] = free.results;
  if (!slot) throw new Error(`no free time for ${specialty} on ${date}`);
  const wanted = {
    patient_id: found.id,
    doctor_id: slot.doctor_id,
    appointment_date: slot.date,
    appointment_time: slot.start_time,
    reason,
  };
  // The same wish has the same key: pressing the button twice books once.
  const key = `booking/${found.id}/${slot.id}`;
  const { appointment_id } = await medcor.invoke("create_appointment", wanted, key);
  return medcor.invoke("get_appointment_details", { appointment_id });
}

const [patient, specialty, date, reason = "not stated"] = process.argv.slice(2);
await run(async () => {
  const booked = await book(server(), { patient, specialty, date, reason });
  console.log(`booked ${booked.appointment_id}: ${booked.date} ${booked.time} with ${booked.doctor_name}, ${booked.status}`);
});
