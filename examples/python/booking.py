"""Books the first free time: finds the patient and a specialty's free times, books, and reads the appointment again.

    python booking.py PATIENT SPECIALTY DATE [REASON]
    python booking.py MRN000042 cardiology 2026-12-03 "chest pain on exertion"
"""

import sys

from medcor import MedCor, run


def book(medcor, patient, specialty, date, reason):
    """The booking flow. `patient` is an id, an MRN, a telephone number or a full name."""
    found = medcor.invoke("get_patient", {"patient": patient})
    free = medcor.invoke("list_appointment_slots", {"specialty": specialty, "date": date, "limit": 1})
    if not free["results"]:
        sys.exit(f"no free time for {specialty} on {date}")
    slot = free["results"][0]
    wanted = {
        "patient_id": found["id"],
        "doctor_id": slot["doctor_id"],
        "appointment_date": slot["date"],
        "appointment_time": slot["start_time"],
        "reason": reason,
    }
    # The same wish has the same key: running the program twice books once.
    key = f"booking/{found['id']}/{slot['id']}"
    booked = medcor.invoke("create_appointment", wanted, key)
    return medcor.invoke("get_appointment_details", {"appointment_id": booked["appointment_id"]})


def main():
    patient, specialty, date, *reason = sys.argv[1:]
    booked = book(MedCor.from_environment(), patient, specialty, date, *(reason or ["not stated"]))
    print(
        f"booked {booked['appointment_id']}: {booked['date']} {booked['time']} "
        f"with {booked['doctor_name']}, {booked['status']}"
    )


if __name__ == "__main__":
    run(main)
