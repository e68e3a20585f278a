"""Tools of nurses who look after patients."""
import words
from tools import pick, then, tool
from values import Array, Choice, Code, Date, Flag, Minutes, Number, PERSON, Quantity, Record, Text, Time

PATIENT = Text(words.PATIENTS)
ROOM_NUMBER, WARD = Number(1, 60), Number(1, 12)
PRESSURE = Record("{systolic} over {diastolic}", systolic=Number(100, 190), diastolic=Number(45, 98))
BODY_TEMPERATURE = Quantity(celsius=(35, 41, 0.1, ("degrees celsius", "°C", "celsius")),
                            fahrenheit=(95, 106, 0.1, ("degrees fahrenheit", "°F", "fahrenheit")))
DOSE = Quantity(mg=(5, 900, 5, ("mg", "mg", "milligrams")), ml=(2, 40, 0.5, ("ml", "milliliters")), drops=(5, 40, 1, ("drops",)))
VOLUME = Quantity(ml=(50, 800, 10, ("ml", "ml", "milliliters")), cups=(2, 6, 1, ("cups",)), glasses=(2, 6, 1, ("glasses",)))
RATE = Quantity(ml_per_hour=(5, 250, 5, ("ml per hour", "ml/h")), drops_per_minute=(5, 60, 1, ("drops per minute",)))
DRINKS = words.Pool("""water, tea, coffee, milk, apple juice, orange juice, cocoa, broth, lemonade, herbal tea, mineral water, soup,
    buttermilk, a protein shake, tomato juice, decaf, green tea, grape juice, oat milk, peppermint tea""")
BODY = words.Joined("{side} {part}", side=words.Fixed("left", "right"), part=words.Pool("""heel, hip, knee, ankle, elbow, shoulder,
    wrist, foot, hand, thigh, calf, forearm, shin, cheek, toe, thumb, ear, upper arm, lower leg, buttock"""))
WOUND_NOTES = words.Joined("{part} {state}", part=words.Pool("""edge, skin, surface, stitch line, scab, area around it, centre, top layer,
    new tissue, lower end, upper end, bottom, inner side, outer side"""), state=words.Pool("""is red, is dry, looks clean, is swollen,
    smells bad, is healing well, is still open, feels warm, is closed, bleeds a little, is smaller than before, was rinsed, was cooled,
    looks infected, is pale, is wet"""))
ALLERGENS = words.Pool("""penicillin, latex, peanuts, shellfish, pollen, soy, wheat, iodine, bee venom, nickel, sulfa, dust mites, eggs,
    lactose, sesame, cat hair, celery, adhesive tape, mould, strawberries""")
EXAMS = words.Pool("""x-ray, ultrasound, physiotherapy, dialysis, ct scan, mri scan, blood test, eye test, hearing test, ecg,
    speech therapy, gait training, lung test, endoscopy, dental check, stress test, sleep study, foot care, skin check,
    occupational therapy""")
TESTS = words.Pool("""potassium, sodium, creatinine, haemoglobin, glucose, cholesterol, calcium, ferritin, albumin, bilirubin, urea,
    lactate, magnesium, troponin, uric acid, phosphate, white cell, platelet, vitamin b12, thyroid""")
CARE_TASKS = words.Joined("{verb} {thing}", verb=words.Pool("""check, change, clean, replace, bring, prepare, put away, fetch, label,
    look for, inspect, pick up, disinfect, collect, wash, unpack"""), thing=words.Pool("""the drip, the water jug, the bed sheets,
    the catheter bag, the pillow, the walker, the trolley, the bandages, the wash bowl, the drain bag, the compression socks,
    the oxygen mask, the gloves, the towels, the hearing aid, the dentures, the blanket, the bedpan, the slippers, the pill box"""))
PAGES = words.AnyOf(
    words.Joined("{patient} needs {thing}", patient=words.PATIENTS, thing=words.Pool("""help, a blanket, a new drip, a check, a scan,
    a walker, oxygen, a new dressing, an interpreter, a clean bed, a second opinion, a lift, a wheelchair, a prescription, a phone,
    a visit""")),
    words.Joined("{thing} is {state}", thing=words.Pool("""the scan, the sample, the operation, the report, the wheelchair, the ambulance,
    the family, the bed, the blood bank, the new patient, the x-ray, the oxygen, the medicine cabinet, the prescription, the lift"""),
                 state=words.Pool("""ready, delayed, cancelled, missing, here, on the way, waiting, late, gone, in the hall, not here yet,
    back, upstairs, at the door, downstairs""")), weights=(2, 1))
STAFF = Choice("doctor:physician", "charge_nurse:nurse in charge|head nurse", "pharmacist", "porter", "physiotherapist:physio",
               "dietitian", "social_worker", "chaplain")

TOOLS = [
    tool("record_vitals save_vitals log_vital_signs enter_vitals", "record", "Record blood pressure and other vital signs of a patient",
         {"patient|patient_name|name": (PATIENT, "name of the patient"),
          "pressure|blood_pressure|bp": (PRESSURE, "blood pressure in mmHg"),
          "temperature?|body_temperature?": (BODY_TEMPERATURE, "body temperature"),
          "pulse?|heart_rate?": (Number(45, 140), "beats per minute")},
         """
         (record|save|log|enter) a blood pressure of {pressure} for {patient}[ and a temperature of {temperature}]
         {patient} has a (blood pressure|bp|pressure) of {pressure}[ and a pulse of {pulse}]
         {patient}: (blood pressure|pressure|bp) {pressure}[, pulse {pulse}][, temperature {temperature}]
         i (measured|got) {pressure} for {patient}[, please (save|record|enter) it]
         (write down|note) that the (blood pressure|bp) of {patient} is {pressure}[ and the temperature is {temperature}]
         can you (record|save|log) {pressure} as the blood pressure of {patient}
         new vitals for {patient}: {pressure}[, pulse {pulse}]
         (blood pressure|bp) of {patient} (is|was) {pressure}[, pulse {pulse}]
         ~ {pressure} is the blood pressure of {patient}[, pulse {pulse}]
         ~ for {patient} i measured a blood pressure of {pressure}[ and a temperature of {temperature}]
         ~ please note {pressure} as the new (pressure|bp) of {patient}
         (record|save|log) the blood pressure of {patient}
         i (measured|got) a blood pressure of {pressure}
         {patient} has new vitals
         (enter|record|save) a temperature of {temperature} and a blood pressure of {pressure}
         please (note|enter) the vitals
         ~ please save the new vitals of {patient}
         ~ the bp was {pressure}
         """,
         result={"patient": "{patient}", "pressure": "{pressure}", "saved": True}, answer="The blood pressure of {patient} is recorded."),
    tool("record_medication medication_given log_dose chart_medicine", "record", "Record that a patient was given a medicine",
         {"patient|patient_name|name": (PATIENT, "name of the patient"),
          "medicine|medication|drug": (Text(words.MEDICINES), "what was given"),
          "dose|amount": (DOSE, "how much was given"),
          "time?|given_at?": (Time(), "when it was given")},
         """
         (record|log|chart|enter) a dose of {dose} {medicine} for {patient}[ at {time}]
         {patient} (got|was given|received) {dose} of {medicine}[ at {time}]
         i (gave|have given|just gave) {patient} {dose} of {medicine}[ at {time}]
         {medicine} (given|done) for {patient}: {dose}[ at {time}]
         (write down|note|record) that {patient} (got|received) {dose} of {medicine}
         {patient}: {medicine} {dose} given[ at {time}]
         (i want to|i need to|can you) (record|chart) {dose} of {medicine} given to {patient}[ at {time}]
         mark {medicine} as given to {patient}, {dose}
         ~ {dose} of {medicine} was given to {patient}[ at {time}]
         ~ for {patient} please chart {dose} of {medicine}[ at {time}]
         ~ i have just given {dose} of {medicine} to {patient}
         i (gave|have given|just gave) {patient} {medicine}
         (record|log|chart) {dose} of {medicine} as given
         (record|chart|enter) a dose for {patient}
         {patient} (got|received|was given) a dose of {medicine}
         mark {medicine} as given
         ~ {medicine} was given to {patient}
         ~ i just gave a dose of {dose} {medicine}
         """,
         result={"patient": "{patient}", "medicine": "{medicine}", "entry": Code("MD-####")},
         answer="The dose of {medicine} for {patient} is entry {entry}."),
    tool("list_due show_due due_list", "search", "List which patients of a ward are due for something",
         {"what|category|type": (Choice("medications:medicines|meds", "dressings:dressing changes", "vitals:vital signs", "tasks:jobs"),
                                 "what is due"),
          "ward|unit|station": (WARD, "number of the ward"),
          "until?|before?": (Time(), "only what is due until then")},
         """
         (show|give|tell) me the {what} due (on|in) ward {ward}[ until {until}]
         what {what} (do we have|are) due on ward {ward}[ until {until}]
         (who on ward {ward} needs|which patients on ward {ward} need) {what}[ before {until}]
         {what} due on ward {ward}[ (until|before) {until}]
         i (want|need) (the list|a list) of due {what} for ward {ward}[ until {until}]
         ward {ward}: (which|what) {what} come next[, please]
         (are there|do we have) any[ more] {what} (left|open) on ward {ward}
         ~ which {what} are due on ward {ward}[ before {until}]
         ~ for ward {ward}[ until {until}], show me the open {what}
         ~ list {what} of ward {ward}[ until {until}]
         (show|give) me all the due {what}[ until {until}]
         what is due (on|in) ward {ward}[ before {until}]
         which {what} come next
         (show|tell) me which patients on ward {ward} need something
         ~ i need the list of due {what}
         ~ give me the list for ward {ward}
         """,
         items={"patient": PATIENT, "time": Time()}),
    tool("record_fluid log_fluid_intake add_drink fluid_balance_entry", "record", "Record how much a patient drank",
         {"patient|patient_name|name": (PATIENT, "name of the patient"),
          "amount|volume|quantity": (VOLUME, "how much the patient drank"),
          "drink?|fluid?|beverage?": (Text(DRINKS), "what the patient drank")},
         """
         {patient} (drank|had|has drunk) {amount}[ of {drink}]
         (record|log|add|enter) a fluid intake of {amount} for {patient}
         (note|write down) that {patient} (drank|has drunk) {amount}[ of {drink}]
         {patient} fluid (intake|in): {amount}[ of {drink}]
         (add|log) {amount} to the fluid (intake|balance) of {patient}
         (i gave|i have given) {patient} {amount}[ of {drink}] to drink
         fluid balance {patient}: {amount}[ of {drink}]
         (put|add) {amount}[ of {drink}] on the (fluid sheet|drinking sheet) of {patient}
         ~ to drink, {patient} had {amount}[ of {drink}]
         ~ the fluid intake of {patient} is {amount}
         ~ please add to the fluid balance that {patient} drank {amount}[ of {drink}]
         {patient} (drank|had|has drunk) something
         (record|log|add|enter) a fluid intake of {amount}
         (note|write down|log) what {patient} drank
         (put|add) {amount}[ of {drink}] on the (fluid sheet|drinking sheet)
         ~ log the fluid intake of {patient}
         ~ {amount} of {drink} to drink, please note
         """,
         result={"patient": "{patient}", "total_ml": Number(200, 2800, 50)}, answer="{patient} has drunk {total_ml} ml today."),
    tool("order_meal request_meal meal_order", "order", "Order a meal for a patient from the kitchen",
         {"patient|patient_name|name": (PATIENT, "name of the patient"),
          "meal|meal_time": (Choice("breakfast", "lunch", "dinner:supper"), "which meal of the day"),
          "dishes|food|items": (Array(Text(words.MEALS)), "what the patient wants to eat"),
          "diet?|diet_type?": (Choice("vegetarian", "low_salt", "diabetic", "soft", "gluten_free"), "diet of the patient")},
         """
         (order|get|request) {dishes} for {patient} for {meal}[, {diet} diet]
         {patient} (wants|would like) {dishes} for {meal}[ as a {diet} diet]
         {meal} for {patient}: {dishes}[, {diet} diet]
         (order|request|get) {patient} a {meal} (with|of) {dishes}[, {diet} diet]
         can {patient} (have|get) {dishes} for {meal}
         tell the kitchen that {patient} (wants|eats|gets) {dishes} for {meal}[ as a {diet} diet]
         for {meal} {patient} (gets|eats|would like) {dishes}[, {diet} diet]
         i (need|want to order) a {meal} for {patient} with {dishes}[ as a {diet} diet]
         ~ the {meal} of {patient} is {dishes}[, {diet} diet]
         ~ {patient} gets {dishes} from the kitchen for {meal}
         ~ for {patient} i want {dishes} as {meal}[, {diet} diet]
         (order|get|request) {dishes} for {patient}
         (order|request) {patient} a {meal}
         i (need|want to order) a {meal} with {dishes}
         {patient} (wants|would like) something to eat
         tell the kitchen to send {patient} a {meal}[ as a {diet} diet]
         ~ {patient} would like a {meal}
         ~ can i get {dishes} for {meal}
         """,
         result={"patient": "{patient}", "meal": "{meal}", "order": Code("K-###")}, answer="The {meal} for {patient} is order {order}."),
    tool("set_bed_angle tilt_bed adjust_bed move_bed_part", "level", "Set the angle of the head or foot end of a bed",
         {"bed|bed_number|bed_id": (Code("##@|B-##"), "number of the bed"),
          "part|section|end": (Choice("head:headrest|head end", "foot:footrest|foot end"), "which part of the bed"),
          "angle|degrees|tilt": (Number(0, 75, 5, unit="degrees"), "angle in degrees")},
         """
         (raise|lower|set|put|tilt) the {part} of bed {bed} to {angle}
         bed {bed}: {part} (to|at|up to) {angle}
         (i want|i need|please put) the {part} of bed {bed} at {angle}
         (tilt|move|adjust|change) bed {bed} so that the {part} is at {angle}
         (can you|please) (raise|bring|move|lower) the {part} to {angle} on bed {bed}
         bed {bed} {part} {angle}[, please]
         the {part} of bed {bed} (should be|has to be|must be|goes) (at|up to|down to) {angle}
         (set|i want|i need) an angle of {angle} for the {part} of bed {bed}
         ~ on bed {bed}, please tilt the {part} to {angle}
         ~ {angle} for the {part} of bed {bed}
         ~ can the {part} of bed {bed} be at {angle}
         (raise|lower|tilt|move) the {part} of bed {bed}
         (set|put|tilt) bed {bed} to {angle}
         (raise|lower|set|put) the {part} to {angle}
         (i want|i need) the {part} at {angle}
         (adjust|tilt) bed {bed}
         ~ can you move bed {bed} to {angle}
         ~ the {part} of the bed belongs at {angle}
         """,
         result={"bed": "{bed}", "part": "{part}", "angle": "{angle}"}, answer="The {part} of bed {bed} is at {angle} degrees."),
    tool("check_call_light read_nurse_call who_is_calling", "lookup", "Find out who is calling a nurse from a room and why",
         {"room|room_number": (ROOM_NUMBER, "number of the room")},
         """
         who is (calling|ringing)[ for a nurse] (from|in) room {room}
         (check|look at|read) the call (light|button) (in|of) room {room}
         why is the (light|call light) on in room {room}
         room {room} is (calling|ringing), who is it
         (call light|nurse call|light on) in room {room}
         i (want|need) to know who is (calling|ringing) in room {room}
         what does the (patient|caller) in room {room} (want|need)
         (tell me|find out) who is (calling|ringing) from room {room}
         there is a (call light|light) on in room {room}, who is it
         ~ in room {room} the call light is on, who is it
         ~ who wants a nurse in room {room}
         ~ look who is ringing in room {room}
         who is (calling|ringing)
         (check|look at|read) the call light
         why is the (call light|light) on
         someone is (calling|ringing) from (a|one) room, who is it
         ~ tell me who is ringing
         ~ there is a call light on
         """,
         result={"room": "{room}", "patient": PATIENT, "need": Choice("pain", "thirst", "help", "the toilet")},
         answer="{patient} is calling from room {room} because of {need}."),
    tool("book_appointment schedule_exam make_appointment", "schedule", "Book an examination or a treatment for a patient",
         {"patient|patient_name|name": (PATIENT, "name of the patient"),
          "exam|treatment|service": (Text(EXAMS), "what the appointment is for"),
          "date|day": (Date(), "day of the appointment"),
          "time?|start_time?": (Time(), "when it starts"),
          "wheelchair?|needs_wheelchair?": (
              Flag(["with a wheelchair", "by wheelchair"], ["without a wheelchair"]), "whether a wheelchair is needed")},
         """
         (book|schedule|make) an appointment for {patient} for {exam} {date}[ at {time}][, {wheelchair}]
         (book|schedule) {exam} for {patient} {date}[ at {time}][, {wheelchair}]
         {patient} (needs|has to go to|goes to) {exam} {date}[ at {time}]
         {patient}: {exam} {date}[ at {time}][, {wheelchair}]
         can {patient} (have|get) {exam} {date}[ at {time}][ {wheelchair}]
         put {patient} down for {exam} {date}[ at {time}]
         i (want|need) an appointment for {exam} {date} for {patient}
         please send {patient} to {exam} {date}[ at {time}][ {wheelchair}]
         ~ {date}[ at {time}] {patient} needs an appointment for {exam}
         ~ for {patient} please schedule {exam} {date}[ at {time}]
         ~ make {patient} an appointment for {exam} {date}[, {wheelchair}]
         (book|schedule) {exam} for {patient}
         (book|make) an appointment for {patient} {date}[ at {time}]
         i (want|need) an appointment for {exam} {date}
         {patient} needs an appointment
         please send {patient} to {exam}
         ~ put {patient} down for {exam}
         ~ schedule an appointment for {exam} {date}[ at {time}]
         """,
         result={"exam": "{exam}", "patient": "{patient}", "date": "{date}", "place": Text(words.Fixed("hall A", "hall B", "floor 2",
                          "floor 4"))},
         answer="The appointment of {patient} for {exam} is in {place}."),
    tool("set_fall_risk rate_fall_risk change_fall_risk", "state", "Set how high the risk is that a patient falls",
         {"patient|patient_name|name": (PATIENT, "name of the patient"),
          "risk|risk_level|rating": (Choice("low", "medium:moderate", "high"), "how high the risk is"),
          "alarm?|bed_alarm?": (
              Flag(["with the bed alarm on", "with a bed alarm"], ["with the bed alarm off", "without a bed alarm"]),
              "whether the alarm is on")},
         """
         (set|change|put) the fall risk of {patient} to {risk}[ {alarm}]
         {patient} has a {risk} (fall risk|risk of falling)[, {alarm}]
         (mark|rate|list|put down) {patient} as {risk} fall risk[ {alarm}]
         {patient}: (fall risk|risk of falling) {risk}[, {alarm}]
         the (fall risk|risk of falling) of {patient} is[ now] {risk}
         (i rate|i see) the fall risk of {patient} as {risk}[, {alarm}]
         fall risk {risk} for {patient}[, {alarm}]
         (can you|please) (set|change) {patient} to {risk} fall risk[ {alarm}]
         ~ the risk that {patient} falls is {risk}[, {alarm}]
         ~ for {patient} the fall risk is now {risk}
         ~ {risk} risk of falling for {patient}[, {alarm}]
         (set|change|rate) the fall risk of {patient}
         (set|change|put) the fall risk to {risk}[ {alarm}]
         {patient} (may fall|falls), change the fall risk
         the fall risk is[ now] {risk}
         ~ i rate the risk of falling as {risk}
         ~ the fall risk of {patient} has to change
         """,
         result={"patient": "{patient}", "risk": "{risk}"}, answer="The fall risk of {patient} is {risk}."),
    tool("record_pain log_pain_score save_pain pain_entry", "record", "Record the pain score of a patient",
         {"patient|patient_name|name": (PATIENT, "name of the patient"),
          "score|pain_score|level": (Number(0, 10), "from 0, no pain, to 10"),
          "place?|body_part?|where?": (Text(BODY), "where it hurts")},
         """
         (record|log|save|enter) a pain score of {score} for {patient}[, in the {place}]
         {patient} has pain {score} out of ten[ in the {place}]
         {patient} (rates|puts) the pain[ in the {place}] at {score}
         {patient}: (pain|pain score) {score}[, {place}]
         (write down|note) that {patient} has a pain score of {score}[ in the {place}]
         (pain score|pain) of {patient} (is|was) {score}[, in the {place}]
         {patient} (says|thinks) the pain[ in the {place}] is (at|now at) {score}
         how much pain {patient} has[ in the {place}]: {score}
         on the pain scale {patient} is (at|now at) {score}
         ~ the pain of {patient} in the {place} is at {score}
         ~ {patient} is at {score} on the pain scale[, in the {place}]
         ~ a pain score of {score} for {patient}, please note
         (record|log|save|enter) the pain score of {patient}
         (record|log|save) a pain score of {score}[, in the {place}]
         {patient} (has|says there is) pain[ in the {place}]
         the pain is (at|now at) {score}[ in the {place}]
         ~ write down the pain of {patient}
         ~ the pain score is {score}
         """,
         result={"patient": "{patient}", "score": "{score}"}, answer="Pain score {score} is recorded for {patient}."),
    tool("add_wound_note wound_note document_wound", "record", "Write a note about a wound of a patient",
         {"patient|patient_name|name": (PATIENT, "name of the patient"),
          "wound|body_part|place": (Text(BODY), "where the wound is"),
          "note|text|observation": (Text(WOUND_NOTES), "what to write")},
         """
         (add|write|make|save) a[ new] wound note for {patient}, {wound}: {note}
         [the ]wound of {patient} (on|at) the {wound}: {note}
         {patient}, wound (on|at) the {wound}[, note]: {note}
         (note|write down|document) for the wound (on|at) the {wound} of {patient}: {note}
         {patient} has a wound (on|at) the {wound}, (note|write down): {note}
         about the wound (on|at) the {wound} of {patient}[, (note|write)]: {note}
         i (looked at|checked|dressed) the wound (on|at) the {wound} of {patient}[, (note|write)]: {note}
         ~ wound note, {patient}, {wound}: {note}
         ~ for {patient} write about the wound on the {wound}: {note}
         ~ i checked {patient}, wound on the {wound}: {note}
         (add|write|make) a wound note for {patient}
         (note|write down|document) for the wound on the {wound}: {note}
         i (looked at|checked|dressed) the wound of {patient}: {note}
         {patient} has a wound (on|at) the {wound}
         wound note: {note}
         ~ document the wound on the {wound} of {patient}
         ~ about the wound of {patient}, write: {note}
         """,
         result={"patient": "{patient}", "wound": "{wound}", "entry": Code("W-###")},
         answer="The note about the {wound} of {patient} is entry {entry}."),
    tool("get_allergies find_allergies allergy_check", "lookup", "Look up what a patient is allergic to",
         {"patient|patient_name|name": (PATIENT, "name of the patient")},
         """
         what is {patient} allergic to
         (check|show|read|look up|give me) the allergies of {patient}
         does {patient} have (any allergies|an allergy)
         is {patient} allergic to (anything|something)
         (allergies|allergy) of {patient}
         {patient}: (any allergies|allergies)
         (tell me|i need to know|i want to know) (what|which things) {patient} (cannot take|is allergic to)
         (are there|do we have) allergies for {patient}
         (which|what) allergies (does {patient} have|are there for {patient})
         (can you|please) (check|look up) {patient} for[ any] allergies
         ~ i need the allergies of {patient}
         ~ for {patient}, which allergies are there
         ~ which things is {patient} allergic to
         (check|show|read|look up) the allergies
         are there any allergies
         does (the patient|she|he) have (allergies|an allergy)
         ~ look up what the patient is allergic to
         ~ tell me the allergies
         """,
         result={"patient": "{patient}", "allergy": Text(ALLERGENS), "severity": Choice("mild", "moderate", "severe")},
         answer="{patient} has a {severity} allergy to {allergy}."),
    tool("add_visitor admit_guest register_visitor", "record", "Register a visitor or guest who wants to see a patient",
         {"visitor|guest|visitor_name": (PERSON, "name of the visitor"),
          "patient|patient_name|host": (PATIENT, "patient who is visited"),
          "stay?|duration?": (Minutes(), "how long the visit lasts")},
         """
         (register|add|sign in|admit) {visitor} as (a visitor|a guest|visitor) of {patient}[ for {stay}]
         {visitor} (is here|came|has come) to (see|visit) {patient}[ for {stay}]
         {patient} has a (visitor|guest): {visitor}[ for {stay}]
         (visitor|guest) for {patient}: {visitor}[, {stay}]
         let {visitor} in to (see|visit) {patient}[ for {stay}]
         i have {visitor} here (as a visitor for|as a guest of) {patient}
         {visitor} (wants|would like) to (see|visit) {patient}[ for {stay}]
         ~ {patient} gets a visit from {visitor}[ for {stay}]
         ~ sign in a visitor for {patient}: {visitor}[, {stay}]
         ~ as a guest of {patient}, register {visitor}
         (register|add|sign in) {visitor} as a visitor
         {patient} has a (visitor|guest)
         (register|add|sign in) a (visitor|guest) for {patient}[ for {stay}]
         {visitor} is here for a visit[ of {stay}]
         ~ let a visitor in to see {patient}
         ~ i have a guest here, {visitor}
         """,
         result={"visitor": "{visitor}", "patient": "{patient}", "badge": Code("V-###")},
         answer="{visitor} has badge {badge} to visit {patient}.", held=True),
    tool("move_patient transfer_patient assign_room", "assign", "Move a patient to another room",
         {"patient|patient_name|name": (PATIENT, "name of the patient"),
          "room|new_room|room_number": (ROOM_NUMBER, "number of the new room"),
          "date?|day?": (Date(), "day of the move")},
         """
         (move|transfer|bring|take) {patient} to room {room}[ {date}]
         {patient} (moves|goes|is moving) to room {room}[ {date}]
         (give|assign) {patient} room {room}[ {date}]
         {patient}: (new room|now room|transfer to room) {room}[, {date}]
         i want {patient} (moved to|in) room {room}[ {date}]
         room {room} is (for|now for) {patient}[ {date}]
         can {patient} (go|move|be moved) to room {room}[ {date}]
         {patient} (has to|needs to|should) (change|move|go) to room {room}[ {date}]
         ~ {patient} gets room {room}[ {date}]
         ~ the new room of {patient} is {room}
         ~ room {room} goes to {patient}[ {date}]
         (move|transfer|bring|take) {patient} to another room[ {date}]
         {patient} (has to|needs to|should) (change|move)[ {date}]
         give {patient} a new room[ {date}]
         (move|transfer|take) the patient to room {room}[ {date}]
         room {room} is for the new patient
         ~ i want {patient} moved
         ~ someone moves to room {room}[ {date}]
         """,
         result={"patient": "{patient}", "room": "{room}", "bed": Choice("window", "door")},
         answer="{patient} is assigned to room {room}, the bed at the {bed}."),
    tool("page_staff call_staff send_page notify_staff", "message", "Page a member of the staff with a message",
         {"role|staff|recipient": (STAFF, "who is paged"),
          "message|text": (Text(PAGES), "what the page says"),
          "urgent?|is_urgent?": (Flag(["urgently", "right away"], ["without hurry", "when there is time"]), "whether it is urgent")},
         """
         (page|notify|alert|call) the {role}[ {urgent}]: {message}
         (send|write) a page to the {role}[ {urgent}]: {message}
         [please ]tell the {role}[ {urgent}] that {message}
         (page|message) for the {role}[, {urgent}]: {message}
         [please ]let the {role} know[ {urgent}] that {message}
         i (need|want) the {role}[ {urgent}], (say|write): {message}
         can you (page|notify|tell) the {role}[ {urgent}] and say that {message}
         [page ]to the {role}[, {urgent}]: {message}
         ~ the {role} should know[ {urgent}] that {message}
         ~ let the {role} read this[, {urgent}]: {message}
         ~ say to the {role}: {message}
         (page|notify|alert) the {role}[ {urgent}]
         (send|write) a page[ {urgent}]: {message}
         i need the {role}[ {urgent}]
         let someone know that {message}
         tell the {role} something[ {urgent}]
         ~ send the {role} a page
         ~ tell someone[ {urgent}] that {message}
         """,
         result={"role": "{role}", "status": Choice("delivered", "sent", "waiting")}, answer="The page to the {role} is {status}."),
    tool("get_lab_result lab_value blood_result", "lookup", "Get a result or level of a patient from the laboratory",
         {"patient|patient_name|name": (PATIENT, "name of the patient"),
          "test|analyte|parameter": (Text(TESTS), "which value of the laboratory"),
          "sampled?|taken?": (Choice("today", "yesterday", "last_week"), "when the sample was taken")},
         """
         what is the {test} (value|level|result) of {patient}[ from {sampled}]
         (get|fetch|show me|give me) the {test} (result|value) of {patient}[ from {sampled}]
         {test} (lab result|result|value) for {patient}[ from {sampled}]
         (how high|how low) is the {test} (value|level) of {patient}
         {patient}: {test} (result|lab value)[ from {sampled}]
         did the lab (send|have) the {test} (result|value) of {patient}[ from {sampled}]
         i need the lab result for {patient}, {test}[ from {sampled}]
         is the {test} (result|value) of {patient} back from the lab
         ~ is there a {test} result for {patient}[ from {sampled}]
         ~ from the lab i need the {test} value of {patient}[ from {sampled}]
         ~ lab: {test} level of {patient}
         (get|fetch|show me) the lab result of {patient}[ from {sampled}]
         what is the {test} (value|level|result)[ from {sampled}]
         did the lab send (the|a) result of {patient}
         i need a lab result[ from {sampled}]
         ~ is the {test} value back from the lab
         ~ give me a lab value of {patient}
         """,
         result={"patient": "{patient}", "test": "{test}", "status": Choice("normal", "high", "low"), "sample": Code("S-####")},
         answer="The {test} result of {patient} is {status}, sample {sample}.", held=True),
    tool("set_infusion_rate pump_rate drip_setting infusion_speed", "level", "Set how fast an infusion pump runs",
         {"pump|pump_id|device": (Code("P-##|IV-##"), "number of the pump"),
          "rate|flow|speed": (RATE, "how fast it runs")},
         """
         (set|change|adjust|turn) the (rate|flow) of[ infusion] pump {pump} to {rate}
         (set|run|put) the[ infusion] pump {pump} at {rate}
         pump {pump}: {rate}
         (turn|bring) the (infusion|drip) on pump {pump} (up|down) to {rate}
         i (want|need) {rate} on pump {pump}
         [infusion ]pump {pump} (should run|has to run|must run) at {rate}
         can you (set|adjust) the infusion rate to {rate} on pump {pump}
         let the (infusion|drip) run at {rate} on pump {pump}
         ~ on pump {pump} i need a (rate|flow) of {rate}
         ~ {rate} for the infusion on pump {pump}
         ~ the drip on pump {pump} should run at {rate}
         (set|change|adjust) the (rate|flow) of[ infusion] pump {pump}
         (set|run|put) the (infusion|drip) at {rate}
         i (want|need) {rate} on the pump
         turn pump {pump} (up|down)
         ~ the infusion has to run at {rate}
         ~ can you adjust pump {pump}
         """,
         result={"pump": "{pump}", "rate": "{rate}"}, answer="Infusion pump {pump} runs at the new rate.", held=True),
    tool("set_reminder remind_me start_reminder", "timer", "Remind the nurse of a task after a while",
         {"delay|minutes|after": (Minutes(), "when to remind"),
          "task|text|what": (Text(CARE_TASKS), "what to do"),
          "repeat?|again?": (Flag(["again and again", "repeatedly"], ["just once", "only once"]), "whether the reminder is repeated")},
         """
         remind me[ {repeat}] (in|after) {delay} to {task}
         (set|make|start) a reminder (in|for|after) {delay}[, {repeat}]: {task}
         in {delay} i (have to|need to|must) {task}
         i (want|need) a reminder in {delay}[, {repeat}]: {task}
         (reminder|remind me) (in|after) {delay}[, {repeat}]: {task}
         please remind me in {delay} that i (have to|need to) {task}
         do not let me forget to {task}, (in|after) {delay}
         tell me in {delay} that it is time to {task}
         ~ after {delay}, please[ {repeat}] remind me to {task}
         ~ i must not forget in {delay} to {task}
         ~ a reminder in {delay}[, {repeat}]: {task}
         remind me[ {repeat}] to {task}
         (set|make|start) a reminder (in|for) {delay}[, {repeat}]
         do not let me forget to {task}
         please remind me in {delay}
         i (want|need) a reminder[ {repeat}]
         ~ tell me that it is time to {task}
         ~ start a reminder, {delay}
         """,
         result={"task": "{task}", "delay": "{delay}"}, answer="I will remind you in {delay} minutes to {task}."),
]
SEQUENCES = [
    then("check_call_light", "get_allergies", {"patient": "patient"}, """
         (see|find out|check) who is (calling|ringing) (from|in) room {room} and (check|look up) their allergies
         who is (calling|ringing) from room {room} and what are they allergic to
         (check|read) the call light in room {room} and show me the allergies of (that|the) patient
         i need the allergies of the patient who is (calling|ringing) in room {room}
         ~ look who is ringing in room {room} and tell me their allergies
         """),
    then("check_call_light", "record_pain", {"patient": "patient"}, """
         (see|find out|check) who is (calling|ringing) in room {room} and (record|log) a pain score of {score} for them
         (check|read) the call light in room {room} and (note|enter) pain {score} for (that|the) patient
         the patient who is (calling|ringing) from room {room} has pain {score} out of ten, look up who it is and record it
         record a pain score of {score} for the patient who is (calling|ringing) in room {room}
         ~ find out who is calling from room {room}, then save a pain score of {score} for them
         """),
    then("check_call_light", "set_fall_risk", {"patient": "patient"}, """
         (see|find out|check) who is (calling|ringing) in room {room} and set their fall risk to {risk}
         (check|read) the call light in room {room}, then (rate|mark) (that|the) patient as {risk} fall risk
         the patient who is (calling|ringing) from room {room} has a {risk} fall risk, look up who it is and change it
         set the fall risk to {risk} for the patient who is (calling|ringing) in room {room}
         ~ look who is calling from room {room} and change their fall risk to {risk}
         """),
]
PICKS = [
    pick("list_due", "get_allergies", "patient", "patient", """
         (check|show|look up) the allergies of {which}
         what is {which} allergic to
         does {which} have (any allergies|an allergy)
         which allergies are there for {which}
         and the allergies of {which}
         ~ i wonder what {which} is allergic to
         """),
    pick("list_due", "record_pain", "patient", "patient", """
         (record|log|enter) a pain score of {score} for {which}
         {which} has pain {score} out of ten
         {which} rates the pain at {score}
         note that {which} has a pain score of {score}
         pain {score} for {which}
         ~ for {which}, save a pain score of {score}
         """),
]
