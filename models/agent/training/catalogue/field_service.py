"""Tools of a field service technician."""
import words
from tools import pick, then, tool
from values import ADDRESS, Array, Choice, Code, Date, Flag, Minutes, Number, PERSON, Quantity, Text, Time

COMPANIES = words.Joined("{name} {branch}", name=words.LAST_NAMES, branch=words.Pool("""Foods, Logistics, Steel, Textiles, Plastics,
    Farms, Energy, Water, Brewery, Dairy, Motors, Paper, Glass, Printing, Chemicals, Timber, Bakery, Shipping, Cement, Packaging"""))
CUSTOMER = Text(words.AnyOf(COMPANIES, words.FULL_NAMES, weights=(3, 1)))
SITE_KINDS = words.Fixed("plant", "depot", "warehouse", "clinic", "school", "tower", "factory", "farm", "hospital", "yard", "dock")
SITE, PART, DEVICE = Text(words.Joined("{town} {kind}", town=words.TOWNS, kind=SITE_KINDS)), Text(words.PARTS), Text(words.MACHINES)
TICKET = Code("T-####|T-#####")
MEASURED = Quantity(volt=(1, 690, 1, ("volts", "V")), ampere=(0.1, 60, 0.1, ("amps", "A")), ohm=(0.5, 900, 0.5, ("ohms", "ohm")),
                    bar=(0.1, 25, 0.1, "bar"))
SIGNED = Flag(["with a signature", "with my signature"], ["without a signature", "without my signature"])
TEAM = Choice("engineering", "management", "safety", "second_level:second line", "development")
PHONE = Code("0### ######|0### #####")

TOOLS = [
    tool("find_customer customer_lookup get_customer search_customer", "lookup", "Look up a customer's phone number and site",
         {"customer|customer_name|client": (CUSTOMER, "name of the customer"),
          "town?|city?": (Text(words.TOWNS), "where the customer is")},
         """
         (find|look up|search for|show)[ the] customer {customer}[ in {town}]
         what is the (phone number|phone) of {customer}[ in {town}]
         (find|get|find me|look up) the (phone number|number) of[ customer] {customer}
         customer {customer}[ in {town}]
         how (can|do) i (call|reach) {customer}
         i need the (phone number|number|phone)[ of customer] {customer}
         do we have a customer[ called] {customer}[ in {town}]
         (show|tell) me the (data|details) of[ customer] {customer}
         ~ {customer}: i am after the phone number
         ~ under which phone number is[ customer] {customer}
         ~ get the customer[ in {town}] that is called {customer}
         (find|look up|search for) (the|a) customer[ in {town}]
         what is the (phone number|phone) of the customer
         how can i (call|reach) the customer
         i need a phone number
         ~ do we have a customer in {town}
         ~ show me the details of the customer
         """,
         result={"customer": "{customer}", "phone": PHONE, "site": SITE}, answer="{customer} has the phone {phone} and is at {site}."),
    tool("find_site site_lookup get_site site_details", "lookup", "Look up the contact and the gate code of a site",
         {"site|site_name|location": (SITE, "name of the site")},
         """
         who is (the contact|our contact|my contact) (at|for)[ the] {site}
         what is the (gate|door|entry) code (of|at|for)[ the] {site}
         (look up|find|show|open) the site[ details of] {site}
         (who|whom) do i (ask|meet|see) at[ the] {site}
         site {site}
         how (do|can) i get into[ the] {site}
         i need the (gate code|contact|entry code) (of|for)[ the] {site}
         (give|tell) me the (contact|gate code|site details) (of|for)[ the] {site}
         ~ {site}: (who is the contact|gate code)
         ~ do we have a contact at[ the] {site}
         ~ i want to see the site details for {site}
         who is the contact[ there]
         what is the (gate|door|entry) code
         (look up|find|show) (the|a) site
         (whom|who) do i ask there
         ~ i need the gate code
         ~ give me the contact there
         """,
         result={"site": "{site}", "contact": PERSON, "gate_code": Code("####|#####")},
         answer="Ask for {contact} at {site}, the gate code is {gate_code}."),
    tool("list_tickets show_tickets my_tickets ticket_list", "search", "List service tickets",
         {"state?|status?": (Choice("open", "waiting", "closed"), "only tickets in this state"),
          "technician?|assigned_to?": (PERSON, "only tickets of this technician")},
         """
         (show|list|get|give me)[ all][ the] tickets[ of {technician}]
         (show|list|get)[ all] {state} tickets[ of {technician}]
         (what|which) tickets (are|are still) {state}
         (what|which) tickets does {technician} have
         [do we have ]any {state} tickets[ for {technician}]
         {state} tickets
         what (is|else is) on the ticket list
         i (want|need) to see the {state} tickets
         ~ all[ the] tickets that are {state}
         ~ ticket list[ of {technician}]
         ~ does {technician} have any {state} tickets
         """,
         items={"id": TICKET, "site": SITE, "priority": Choice("low", "medium", "high")}),
    tool("open_ticket create_ticket new_ticket report_problem", "report", "Open a service ticket for a site",
         {"site|site_name|location": (SITE, "where the problem is"),
          "problem|fault|description": (Text(words.FAULTS), "what is wrong"),
          "priority?|urgency?": (Choice("low", "medium", "high:top"), "how urgent it is")},
         """
         (open|create|make|write) a[ {priority} priority] ticket for[ the] {site}: {problem}
         new ticket at[ the] {site}: {problem}
         there is a (fault|problem) at[ the] {site}: {problem}
         (report|log) a problem at[ the] {site}[, {priority} priority]: {problem}
         i need a ticket for[ the] {site} because the {problem}
         at[ the] {site} the {problem}, (open|make) a ticket
         ticket for[ the] {site}[ with {priority} priority]: {problem}
         the customer at[ the] {site} says that the {problem}
         ~ {priority} priority for a new ticket at[ the] {site}: {problem}
         ~ [the ]{site} says the {problem}, make a[ {priority} priority] ticket
         ~ we have a (problem|fault) at[ the] {site}: {problem}
         (open|create|make) a[ {priority} priority] ticket for[ the] {site}
         (open|make) a[ {priority} priority] ticket: {problem}
         there is a (fault|problem) at[ the] {site}
         (open|create) a new[ {priority} priority] ticket
         ~ i need a ticket because the {problem}
         ~ report a problem at[ the] {site}
         """,
         result={"id": TICKET, "site": "{site}", "state": "open"}, answer="Ticket {id} for {site} is open."),
    tool("close_ticket finish_ticket complete_ticket ticket_done", "state", "Close a service ticket",
         {"ticket|ticket_id|ticket_number": (TICKET, "number of the ticket"),
          "outcome?|result?": (Choice("fixed:repaired|solved", "no_fault:no fault found", "exchanged"), "how it ended")},
         """
         (close|finish|complete)[ the][ ticket] {ticket}[ as {outcome}]
         [ticket ]{ticket} is (done|finished)[, {outcome}]
         mark[ ticket] {ticket} as (done|closed|finished)
         i am (done|finished) with[ ticket] {ticket}[, {outcome}]
         [ticket ]{ticket} can be closed[ as {outcome}]
         i (want|need) to (close|finish)[ ticket] {ticket}[ as {outcome}]
         close {ticket}, it was {outcome}
         {ticket} done
         ~ {ticket}: {outcome}, you can close it
         ~ please mark ticket {ticket} as closed
         ~ we are finished with {ticket}, please complete it
         (close|finish|complete) (the|my|this) ticket[ as {outcome}]
         mark the ticket as (done|closed)
         i am done[ here], close the ticket
         i want to close a ticket
         ~ the ticket can be closed[ as {outcome}]
         ~ please finish my ticket, it was {outcome}
         """,
         result={"ticket": "{ticket}", "state": "closed", "closed_at": Time()}, answer="Ticket {ticket} was closed at {closed_at}."),
    tool("assign_ticket give_ticket hand_ticket ticket_owner", "assign", "Give a ticket to a technician",
         {"ticket|ticket_id|ticket_number": (TICKET, "number of the ticket"),
          "technician|person|owner": (PERSON, "who takes it"),
          "due?|due_date?": (Date(), "when it has to be done")},
         """
         (assign|give|hand|pass)[ the][ ticket] {ticket} to {technician}[, due {due}]
         {technician} (should|must|will) (take|do)[ ticket] {ticket}[ {due}]
         (let|have) {technician} (take|do)[ ticket] {ticket}[ {due}]
         [ticket ]{ticket} is for {technician}
         put {technician} on[ ticket] {ticket}
         i want {technician} (on|to take)[ ticket] {ticket}
         can {technician} (take|do)[ ticket] {ticket}[ {due}]
         ~ {ticket} to {technician}[, due {due}]
         ~ please put ticket {ticket} on the list of {technician}
         ~ i need {technician} for[ ticket] {ticket}[ {due}]
         (assign|give|pass)[ ticket] {ticket} to (someone|somebody) else
         (assign|give|hand) (the|a|this) ticket to {technician}
         (let|have) {technician} take the ticket
         i want to assign[ ticket] {ticket}
         ~ put {technician} on a ticket
         ~ who can take ticket {ticket}, please assign it
         """,
         result={"ticket": "{ticket}", "technician": "{technician}"}, answer="Ticket {ticket} is with {technician}."),
    tool("make_appointment book_visit plan_visit schedule_appointment", "schedule", "Book an appointment with a customer",
         {"customer|customer_name|client": (CUSTOMER, "name of the customer"),
          "date|day|visit_date": (Date(), "day of the visit"),
          "time|start|start_time": (Time(), "when it starts"),
          "duration?|minutes?": (Minutes(), "how long it takes")},
         """
         (book|make|plan) (an appointment|a visit) with {customer} {date} at {time}[ for {duration}]
         (book|plan|put in) {customer} for {duration} {date} at {time}
         i (visit|see|meet) {customer} {date} at {time}[ for {duration}]
         {customer} (wants|has) (a visit|an appointment) {date} at {time}[ for {duration}]
         (put|write) {customer} (in|into) (my|the) calendar {date} at {time}
         visit {customer} {date} at {time}
         {date} at {time} i (meet|have) {customer}
         appointment[ with] {customer}, {date} at {time}
         ~ {date} at {time}[ for {duration}]: visit {customer}
         ~ i want an appointment with {customer}, {date} at {time}
         ~ make it {date} at {time} with {customer}[ for {duration}]
         (book|make|plan) (an appointment|a visit) with {customer} {date}
         (book|make|plan) (an appointment|a visit) {date} at {time}
         (book|make) an appointment with {customer} at {time}
         i want to visit {customer}
         ~ put {customer} in the calendar {date}
         ~ i have a visit {date} at {time}
         """,
         result={"appointment": Code("V-####"), "customer": "{customer}", "date": "{date}", "time": "{time}"},
         answer="Appointment {appointment} with {customer}: {date} at {time}."),
    tool("check_van_stock van_stock van_parts part_in_van", "reading", "Tell how many of a part are in the van",
         {"part|part_name|item": (PART, "name of the part")},
         """
         do i (have|carry|still have) a {part} in (the|my) van
         how many of the {part} are[ left] in (the|my) van
         (is there|is) a {part} (in|on) (the|my) van
         (check|search|look in) (the|my) van for a {part}
         {part} in (the|my) van
         where in (the|my) van is the {part}
         (look|check) (if|whether) there is a {part} in (the|my) van
         i (need|want) to know (if|whether) i have a {part} in (the|my) van
         ~ van stock[ of] {part}
         ~ is the {part} still in (the|my) van
         ~ does (the|my) van have a {part}
         do i have (it|that part|that) in (the|my) van
         (check|search) (the|my) van[ for a part]
         how many are[ left] in (the|my) van
         what is the stock in my van
         ~ is there any in the van
         ~ see whether the part is in the van
         """,
         result={"part": "{part}", "count": Number(0, 20), "bin": Code("B#|B##")}, answer="{part}: {count} in bin {bin}."),
    tool("restock_van refill_van van_refill_list add_to_refill", "list", "Put parts on the list that the van is refilled from",
         {"parts|items|part_names": (Array(PART), "what is needed"),
          "date?|needed?": (Date(), "when it is needed")},
         """
         (put|write|add) {parts} (on|to) the[ van] refill list[ {date}]
         (refill|restock)[ the van with] {parts}[ {date}]
         refill list: {parts}
         the van needs[ new] {parts}[ {date}]
         i (need|want)[ new] {parts} for the van[ {date}]
         please (restock|refill) {parts}
         i (used|am out of) {parts}, (restock|refill) the van[ {date}]
         ~ {parts}: refill[ {date}]
         ~ for the van i need {parts}[ {date}]
         ~ please have {parts} for the van[ {date}]
         (put|write|add) something (on|to) the[ van] refill list
         (refill|restock) the van[ {date}]
         the van needs new parts[ {date}]
         ~ i am out of parts for the van
         ~ please add what i need for the van
         """,
         result={"added": "{parts}", "entries": Number(1, 30)}, answer="I put {added} on the refill list, it has {entries} entries."),
    tool("start_route navigate_to drive_to get_directions", "navigate", "Start the navigation to an address",
         {"destination|address|target": (ADDRESS, "where to go"),
          "avoid?|without?": (Choice("tolls:toll roads", "motorways", "ferries"), "what the route avoids")},
         """
         (navigate|drive|go|take me) to {destination}[, avoid {avoid}]
         (start|plan|show) (the|a) route to {destination}[ without {avoid}]
         how do i (get|drive) to {destination}[ without {avoid}]
         (the|my) next (stop|job) is (at|in) {destination}
         route to {destination}
         i (need|have|want) to (go|get|drive) to {destination}
         directions to {destination}[, no {avoid}]
         (bring|guide) me to {destination}[, avoid {avoid}]
         ~ {destination}, how do i get there[ without {avoid}]
         ~ avoid {avoid} and drive to {destination}
         ~ i want the route to {destination}[, no {avoid}]
         (start|plan|show) (the|a) route[ without {avoid}]
         (navigate|drive|take me) (there|to the customer|to the next job)[, avoid {avoid}]
         how do i get there[ without {avoid}]
         i need directions
         ~ i want to go to my next stop
         ~ guide me to the next customer
         """,
         result={"minutes": Number(3, 180), "kilometers": Number(1, 150)},
         answer="The route takes {minutes} minutes for {kilometers} kilometers."),
    tool("record_measurement log_measurement save_measurement add_reading", "record", "Record a value that was measured on site",
         {"device|machine|equipment": (DEVICE, "what was measured"),
          "value|measured|reading": (MEASURED, "the measured value"),
          "ticket?|ticket_id?": (TICKET, "ticket that it belongs to")},
         """
         i (measured|read|got) {value} (at|on) the {device}[ for {ticket}]
         (record|log|save|note|write down) {value} (at|on|for) the {device}[ for ticket {ticket}]
         {device}: {value}
         the {device} (has|shows|takes) {value}
         measurement (at|on) the {device}: {value}
         (record|log|save) a measurement of {value} (at|on) the {device}[ for {ticket}]
         there is {value} (at|on) the {device}[, note it]
         for ticket {ticket}: {value} (at|on) the {device}
         ~ {device} measured, {value}[, for ticket {ticket}]
         ~ {value} is what the {device} shows
         ~ the measurement of the {device} is {value}[, save it for {ticket}]
         i measured the {device}[ for {ticket}]
         i (measured|read|got) {value}[ for {ticket}]
         (record|log|save) a measurement[ for {ticket}]
         (record|log|save) {value}
         ~ there is a measurement of {value}[, note it]
         ~ write down what the {device} shows
         """,
         result={"device": "{device}", "value": "{value}", "entry": Code("M-####")},
         answer="{value} for the {device} is saved as {entry}."),
    tool("send_report mail_report send_service_report report_to", "message", "Send the service report of a ticket to someone",
         {"ticket|ticket_id|ticket_number": (TICKET, "ticket of the report"),
          "recipient|to|receiver": (PERSON, "who gets it"),
          "signed?|with_signature?": (SIGNED, "whether it is signed")},
         """
         (send|mail|forward) the[ service] report (of|for|on)[ ticket] {ticket} to {recipient}[ {signed}]
         (send|mail) {recipient} the[ service] report (of|for)[ ticket] {ticket}[ {signed}]
         {recipient} (needs|wants|should get) the report (of|for)[ ticket] {ticket}[ {signed}]
         report {ticket} to {recipient}[ {signed}]
         i (have|want) to (send|mail) the report of {ticket} to {recipient}
         can {recipient} (get|have) the report (of|for)[ ticket] {ticket}
         let {recipient} have the report of {ticket}
         ~ for {recipient}: the report of[ ticket] {ticket}[ {signed}]
         ~ please mail the report {signed} to {recipient}, it is ticket {ticket}
         ~ ticket {ticket}: {recipient} needs the report
         (send|mail|forward) the[ service] report (of|for)[ ticket] {ticket}[ {signed}]
         (send|mail|forward) the[ service] report to {recipient}[ {signed}]
         {recipient} (needs|wants) (the|a) report
         (send|mail) the[ service] report[ {signed}]
         ~ i want to mail the report for {ticket}
         ~ please let {recipient} have the report
         """,
         result={"ticket": "{ticket}", "sent_to": "{recipient}", "pages": Number(1, 30)},
         answer="I sent the {pages} pages of the report on {ticket} to {sent_to}."),
    tool("book_time log_hours time_entry add_work_time", "record", "Book working time on a ticket",
         {"ticket|ticket_id|ticket_number": (TICKET, "ticket that the time is for"),
          "duration|minutes|time_spent": (Minutes(), "how long it took"),
          "activity?|kind_of_work?": (Choice("travel:driving", "repair", "waiting", "paperwork"), "what the time was for")},
         """
         (book|log|add) {duration}[ of {activity}] (on|for|to)[ ticket] {ticket}
         [ticket ]{ticket} took[ me] {duration}[ of {activity}]
         i (worked|was|spent) {duration} on[ ticket] {ticket}[, {activity}]
         {duration} for[ ticket] {ticket}
         time for[ ticket] {ticket}: {duration}[ {activity}]
         i (want|need) to book {duration}[ of {activity}] on[ ticket] {ticket}
         on[ ticket] {ticket} i (needed|spent) {duration}
         [the ]{activity} for[ ticket] {ticket} took {duration}
         ~ {ticket}, {duration} of {activity}
         ~ the time i spent on ticket {ticket} was {duration}
         ~ please add {duration} of {activity} for {ticket}
         (book|log|add)[ my] time (on|for)[ ticket] {ticket}
         (book|log|add) {duration}[ of {activity}] (on|for) the ticket
         i (worked|spent) {duration} on it
         (book|log) my (time|{activity} time)
         ~ i spent time on ticket {ticket}
         ~ the {activity} took me {duration}
         """,
         result={"ticket": "{ticket}", "booked": "{duration}", "total": Number(10, 600)},
         answer="{booked} minutes are booked on {ticket}, {total} minutes in all."),
    tool("open_manual show_manual manual_page read_manual", "lookup", "Open the manual of a device at a topic",
         {"device|machine|equipment": (DEVICE, "what the manual is for"),
          "topic|chapter|section": (Text(words.TOPICS), "what to read about"),
          "language?|lang?": (Choice("english", "german", "spanish", "french"), "language of the manual")},
         """
         (open|show|get) the[ {language}] manual (of|for) the {device} at {topic}
         what does the[ {language}] manual (of|for) the {device} say about {topic}
         (open|show) the chapter about {topic} in the[ {language}] {device} manual
         {device} manual, chapter {topic}[, in {language}]
         (look up|find|read) {topic} in the[ {language}] {device} manual
         i (want|need) to read about {topic} in the[ {language}] manual of the {device}
         (show|find|get) me the pages about {topic} from the {device} manual[ in {language}]
         (where in the {device} manual is|on which page of the {device} manual is) {topic}
         ~ {topic} chapter of the {device} manual[ in {language}]
         ~ is there a page about {topic} in the[ {language}] {device} manual
         ~ read me what the {device} manual says about {topic}
         (open|show|get) the[ {language}] manual (of|for) the {device}
         (open|show) the[ {language}] manual at {topic}
         what does the manual say about {topic}
         (open|show|get) the manual[ in {language}]
         ~ open the chapter about {topic}
         ~ i want to read the {device} manual[ in {language}]
         """,
         result={"device": "{device}", "topic": "{topic}", "page": Number(3, 280)},
         answer="The {device} manual has {topic} on page {page}.", held=True),
    tool("take_photo add_photo capture_image photo_for_ticket", "record", "Take a photo or picture of a part for a ticket",
         {"subject|object|shows": (PART, "what the photo shows"),
          "ticket|ticket_id|ticket_number": (TICKET, "ticket that it belongs to"),
          "flash?|use_flash?": (Flag(["with flash", "with the flash on"], ["without flash", "with the flash off"]),
                                  "whether the flash is used")},
         """
         (take|make|shoot) a (photo|picture) of the {subject} for[ ticket] {ticket}[ {flash}]
         (photo|picture) of the {subject} for[ ticket] {ticket}[ {flash}]
         (photograph|get a picture of) the {subject} for[ ticket] {ticket}[ {flash}]
         (add|attach) a (photo|picture) of the {subject} to[ ticket] {ticket}
         i (want|need) a (photo|picture) of the {subject} (in|for)[ ticket] {ticket}[ {flash}]
         [ticket ]{ticket} needs a (photo|picture) of the {subject}
         (take|attach) a {subject} (photo|picture) for {ticket}
         ~ for[ ticket] {ticket} photograph the {subject}[ {flash}]
         ~ {ticket}: picture of the {subject}[ {flash}]
         ~ let me take a photo, the {subject}, for {ticket}
         (take|make|shoot) a (photo|picture) of the {subject}[ {flash}]
         (take|make) a (photo|picture) for[ ticket] {ticket}[ {flash}]
         (take|make) a (photo|picture)[ {flash}]
         i want a (photo|picture) of the {subject}
         ~ let me photograph the {subject}[ {flash}]
         ~ ticket {ticket} needs a picture
         """,
         result={"photo": Code("IMG-####"), "ticket": "{ticket}", "subject": "{subject}"},
         answer="Photo {photo} of the {subject} is in {ticket}.", held=True),
    tool("escalate_ticket escalate raise_ticket ticket_escalation", "assign", "Escalate a ticket, raise or move it up to another team",
         {"ticket|ticket_id|ticket_number": (TICKET, "number of the ticket"),
          "team|department|group": (TEAM, "team that takes over"),
          "due?|deadline?": (Date(), "when an answer is needed")},
         """
         escalate[ the][ ticket] {ticket} to[ the] {team}[ team][, due {due}]
         (raise|move)[ ticket] {ticket} up to[ the] {team}[ team]
         the {team} team (has to|should|must) (look at|take over)[ ticket] {ticket}[ {due}]
         i cannot solve[ ticket] {ticket}, escalate it to {team}
         [ticket ]{ticket} is too hard for me, the {team} team should take over
         [ticket ]{ticket} needs the {team} team[, due {due}]
         escalation of[ ticket] {ticket} to {team}
         ~ {team} escalation for[ ticket] {ticket}[, due {due}]
         ~ let the {team} team look at {ticket}, i cannot solve it
         ~ i have to escalate[ ticket] {ticket} to the {team} team[ {due}]
         escalate[ the][ ticket] {ticket}[, due {due}]
         escalate (the|this|my) ticket to[ the] {team}[ team]
         i cannot solve[ ticket] {ticket}, escalate it
         (escalate|raise) (the|this) ticket
         ~ the {team} team has to take over a ticket
         ~ ticket {ticket} is too hard for me
         """,
         result={"ticket": "{ticket}", "team": "{team}", "answer_within_hours": Number(1, 48)},
         answer="{ticket} is with {team}, an answer comes within {answer_within_hours} hours.", held=True),
]
SEQUENCES = [
    then("open_ticket", "assign_ticket", {"ticket": "id"}, """
         (open|make|create) a ticket for[ the] {site} and (give|assign) it to {technician}: {problem}
         (open|create) a[ {priority} priority] ticket for[ the] {site}, {technician} should take it: {problem}
         report a problem at[ the] {site} and put {technician} on it: {problem}
         at[ the] {site} the {problem}, open a ticket and hand it to {technician}
         ~ {technician} should take a new ticket for[ the] {site}: {problem}
         """),
    then("find_site", "send_report", {"recipient": "contact"}, """
         find the contact (at|for)[ the] {site} and (send|mail) them the report of[ ticket] {ticket}[ {signed}]
         look up who is the contact at[ the] {site} and mail them the report for[ ticket] {ticket}
         send the report of[ ticket] {ticket} to the contact at[ the] {site}[ {signed}]
         the contact at[ the] {site} needs the report of[ ticket] {ticket}, look up who it is and send it
         ~ who is the contact at[ the] {site}, please let them have the report for[ ticket] {ticket}
         """),
    then("find_customer", "open_ticket", {"site": "site"}, """
         (look up|find) the site of[ customer] {customer} and open a ticket there: {problem}
         find out where[ customer] {customer} is and (open|make) a[ {priority} priority] ticket for that site: {problem}
         look up[ customer] {customer}[ in {town}], then make a ticket for the site: {problem}
         open a ticket for the site of[ customer] {customer}[, {priority} priority]: {problem}
         ~ customer {customer} has a problem, look up the site and open a ticket: {problem}
         """),
]
PICKS = [
    pick("list_tickets", "assign_ticket", "ticket", "id", """
         (assign|give|hand|pass) {which} to {technician}[, due {due}]
         {technician} (should|will) (take|do) {which}
         (let|have) {technician} take {which}[ {due}]
         {which} is for {technician}
         put {technician} on {which}
         ~ i would like {technician} to have {which}
         """),
    pick("list_tickets", "close_ticket", "ticket", "id", """
         (close|finish|complete) {which}[ as {outcome}]
         {which} is (done|finished)[, {outcome}]
         mark {which} as (done|closed)
         i am done with {which}[, {outcome}]
         {which} can be closed
         ~ please close {which}, it was {outcome}
         """),
]
