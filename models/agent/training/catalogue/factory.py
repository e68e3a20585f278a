"""Tools of a factory's maintenance."""
import words
from tools import pick, then, tool
from values import Array, Choice, Code, Date, Flag, Minutes, Number, PERCENT, PERSON, Quantity, Text, Time

MACHINE = Text(words.AnyOf(words.MACHINES, words.Joined("{machine} {number}", machine=words.MACHINES,
                                                        number=words.Fixed(*(str(n) for n in range(1, 13)))), weights=(2, 3)))
LINE = Number(1, 12)
ALARM, ORDER, PART_NUMBER = Code("A-####"), Code("WO-####|WO-#####"), Code("SP-####|SP-#####")
SHIFT = Choice("early:morning", "late:evening", "night")
PRIORITY = Choice("low", "medium", "high:top")
NOTES = words.Joined("{thing} {state}", thing=words.Pool("""
    the left guard, the oil level, the new conveyor, the air filter, the night order, the packing table,
    the scale, the label printer, the forklift, the spare motor, the cooling water, the gate, the test batch,
    the floor, the safety switch, the cleaning crew, the truck, the glue tank, the second robot,
    the cutting blade"""),
                     state=words.Pool("""
    needs a look, is low, was changed, comes at six, is still warm, has to wait, was tested, is not ready,
    is fixed, was moved, needs cleaning, makes noise, is new, runs well, was refilled, is out of use, is late,
    needs a new cover"""))
INSTRUMENTS = words.Pool("""
    torque wrench, scale, pressure gauge, thermometer, caliper, micrometer, flow meter, multimeter, ph meter,
    level probe, load cell, laser sensor, dial gauge, hygrometer, tachometer, metal detector, vision camera,
    oscilloscope, manometer, sound meter""")
TARGET = Quantity(celsius=(20, 250, 0.5, ("degrees celsius", "°C", "celsius")), bar=(0.5, 16, 0.1, "bar"),
                  liters_per_minute=(1, 200, 1, ("liters per minute", "l/min")))
SKILL = Choice("electrical:electric", "mechanical", "welding", "hydraulic", "software", "robot")
DOSE = Quantity(grams=(1, 200, 1, ("grams", "g")), milliliters=(5, 500, 5, ("milliliters", "ml")))

TOOLS = [
    tool("get_machine_status machine_state check_machine status_of_machine", "reading", "Tell whether a machine is running and since when",
         {"machine|machine_name|equipment": (MACHINE, "the machine")},
         """
         is[ the] {machine} (running|working|stopped|down)
         what is[ the] {machine} doing[ right now]
         (show|check|get|tell me) the (status|state) of[ the] {machine}
         {machine} (status|state)
         what (status|state) is[ the] {machine} in
         is (anything|something) wrong with[ the] {machine}
         i (want|need) to know (if|whether)[ the] {machine} is (running|working)
         (check|see) (if|whether)[ the] {machine} still works
         ~ (status|state) of {machine} right now
         ~ does[ the] {machine} still (run|work)
         ~ tell me if[ the] {machine} is stopped
         is (the|that) machine running
         (show|check|get) the (machine status|status of the machine)
         what is the machine doing right now
         i want to know if the machine still works
         ~ is something wrong with the machine
         ~ machine (status|state)
         """,
         result={"machine": "{machine}", "state": Choice("running", "idle", "stopped", "blocked", "starved"), "since": Time()},
         answer="The {machine} is {state} since {since}."),
    tool("start_line run_line line_start start_production", "start", "Start a production line",
         {"line|line_number|production_line": (LINE, "number of the line"),
          "product?|article?": (Text(words.FOODS), "what the line makes")},
         """
         (start|switch on|start up) line {line}[ for {product}]
         (start|run) production on line {line}[ with {product}]
         line {line} (can|should|may) (start|run) now
         get line {line} (running|going)[ with {product}]
         line {line}: (start|run)[ with {product}]
         i (want|need) line {line} (running|going|started)
         please (start|run|start up) line {line} (for|with) {product}
         can you (start|switch on) line {line}[ now]
         ~ line {line} has to run now
         ~ we need {product}, so start line {line}
         ~ please get production on line {line} going
         (start|switch on) (the|that) line
         (start|run) production[ now]
         get the line (running|going) for {product}
         i want the line started
         ~ we need {product}, start the line
         ~ the line can run now
         """,
         result={"line": "{line}", "state": "starting", "ready_in_minutes": Number(1, 20)},
         answer="Line {line} is starting and is ready in {ready_in_minutes} minutes."),
    tool("stop_line halt_line line_stop stop_production", "stop", "Stop a production line",
         {"line|line_number|production_line": (LINE, "number of the line"),
          "reason?|cause?": (Choice("cleaning", "changeover:a product change", "maintenance", "inspection:an inspection"), "why it stops")},
         """
         (stop|halt|shut down|switch off) line {line}[ for {reason}]
         (stop|halt) production on line {line}[ for {reason}]
         line {line} (must|should|has to) (stop|halt) now
         take line {line} (down|out)[ for {reason}]
         line {line}: (stop|halt)[, {reason}]
         i (want|need) line {line} (stopped|down)[ for {reason}]
         we have {reason} on line {line}, (so stop|stop|halt) it
         can you (stop|switch off|shut down) line {line}[ for {reason}]
         ~ line {line} (down|out) for {reason}
         ~ for {reason} line {line} has to stop
         ~ please take down line {line}
         (stop|halt|shut down) (the|that) line
         (stop|halt) production[ for {reason}]
         take the line down for {reason}
         i need a line stopped
         ~ the line has to stop now
         ~ we have {reason}, halt production
         """,
         result={"line": "{line}", "state": "stopped", "at": Time()}, answer="Line {line} stopped at {at}."),
    tool("set_speed machine_speed change_speed set_machine_rate", "level", "Set the speed of a machine",
         {"machine|machine_name|equipment": (MACHINE, "the machine"),
          "speed|rate|percent": (PERCENT, "percent of full speed"),
          "ramp?|ramp_time?": (Minutes(), "how long the change takes")},
         """
         (set|change|put) the speed of[ the] {machine} to {speed}[ over {ramp}]
         (run|drive)[ the] {machine} at {speed}[ speed]
         {machine} speed {speed}
         slow[ the] {machine} down to {speed}[ over {ramp}]
         (speed|bring)[ the] {machine} up to {speed}[ within {ramp}]
         i (want|need)[ the] {machine} to (run|turn) at {speed}
         (set|change)[ the] {machine} to {speed} speed
         [the ]{machine} (must|should) (run|turn) at {speed}
         ~ {speed} speed for[ the] {machine}
         ~ over {ramp} bring the speed of[ the] {machine} to {speed}
         ~ please have[ the] {machine} (turn|run) at {speed}
         (set|change) the speed of[ the] {machine}
         (set|change) the speed to {speed}[ over {ramp}]
         slow[ the] {machine} down
         run it at {speed} speed
         ~ drive the machine at {speed}
         ~ [the ]{machine} should turn at a new speed
         """,
         result={"machine": "{machine}", "speed": "{speed}", "previous": Number(5, 100)},
         answer="The {machine} goes from {previous} to {speed} percent."),
    tool("set_point set_setpoint change_set_point target_value", "level", "Set the temperature, pressure or flow that a machine holds",
         {"machine|machine_name|equipment": (MACHINE, "the machine"),
          "value|target|setpoint": (TARGET, "what it should hold")},
         """
         (set|change|put)[ the] {machine} to {value}
         {machine}: {value}
         (set|change) the set point of[ the] {machine} to {value}
         (hold|keep)[ the] {machine} at {value}
         [the ]{machine} (must|should) (be|stay|hold) at {value}
         new set point for[ the] {machine}: {value}
         i (want|need) {value} at[ the] {machine}
         can you (set|put) {value} (on|at)[ the] {machine}
         ~ set point {value} for[ the] {machine}
         ~ [the ]{machine} has to get {value}
         ~ keep {value} on[ the] {machine}
         (set|change) the set point of[ the] {machine}
         (set|change) the set point to {value}
         (hold|keep) it at {value}
         new set point for[ the] {machine}
         ~ [the ]{machine} needs a new set point
         ~ i want {value} as the set point
         """,
         result={"machine": "{machine}", "set_point": "{value}"}, answer="The set point of the {machine} is {set_point}."),
    tool("list_alarms show_alarms get_alarms active_alarms", "search", "List the active alarms",
         {"severity?|level?": (Choice("minor", "major", "critical:serious"), "only alarms of this severity"),
          "line?|line_number?": (LINE, "only alarms of this line")},
         """
         (show|list|get|give me)[ all][ the] alarms[ on line {line}]
         (show|list) (all|only)[ the] {severity} alarms[ on line {line}]
         (what|which) alarms (are there|do we have)[ on line {line}]
         (are there|do we have) (any|new) alarms[ on line {line}]
         [are there ]any {severity} alarms
         line {line} alarms
         i (want|need) to see (the|all) {severity} alarms
         alarms, only {severity}
         ~ all[ the] alarms that are {severity}
         ~ which {severity} alarms does line {line} have
         ~ alarm list[ for line {line}]
         """,
         items={"id": ALARM, "machine": MACHINE, "severity": Choice("minor", "major", "critical")}),
    tool("acknowledge_alarm ack_alarm confirm_alarm accept_alarm", "state", "Acknowledge an alarm",
         {"alarm|alarm_id|alarm_number": (ALARM, "number of the alarm"),
          "comment?|note?": (Text(words.FAULTS), "what was found")},
         """
         (acknowledge|confirm|accept)[ the] alarm {alarm}[ with the comment {comment}]
         (acknowledge|confirm) {alarm}[, comment {comment}]
         i have seen[ the] alarm {alarm}[, {comment}]
         mark[ the][ alarm] {alarm} as (seen|acknowledged)
         (ack|ok) {alarm}
         alarm {alarm} can be (acknowledged|confirmed)
         i (want|need) to (acknowledge|confirm|accept)[ the] alarm {alarm}
         please (accept|confirm)[ the] alarm {alarm}, (the|because the) {comment}
         ~ {alarm}: (seen|acknowledged)
         ~ i have {alarm} here, please confirm it
         ~ comment {comment} and acknowledge alarm {alarm}
         (acknowledge|confirm) (the|that|this) alarm
         i have seen the alarm, (acknowledge|confirm) it
         mark the alarm as (seen|acknowledged)
         ~ an alarm can be confirmed
         ~ please accept the alarm
         """,
         result={"alarm": "{alarm}", "state": "acknowledged", "at": Time()}, answer="Alarm {alarm} was acknowledged at {at}."),
    tool("create_work_order open_work_order new_work_order report_fault", "report", "Open a work order for the fault of a machine",
         {"machine|machine_name|equipment": (MACHINE, "the machine"),
          "fault|problem|description": (Text(words.FAULTS), "what is wrong"),
          "priority?|urgency?": (PRIORITY, "how urgent it is")},
         """
         (open|create|write|make) a[ {priority} priority] work order for[ the] {machine}: {fault}
         new work order, {machine}: {fault}
         there is a (problem|fault) (on|with|at)[ the] {machine}: {fault}
         report a (problem|fault) (on|at)[ the] {machine}[ with {priority} priority]: {fault}
         i need a work order for[ the] {machine}[ with {priority} priority] because the {fault}
         on[ the] {machine} the {fault}, (open|write) a work order
         work order for[ the] {machine}, {priority} priority: {fault}
         please report that on[ the] {machine} the {fault}
         ~ {priority} priority: on[ the] {machine} the {fault}, make a new work order
         ~ {machine} has a (problem|fault): {fault}
         ~ we need a work order because on[ the] {machine} the {fault}
         (open|create|write) a[ {priority} priority] work order for[ the] {machine}
         (open|write) a work order: {fault}
         there is a (problem|fault) on[ the] {machine}
         (open a new work order|create a new work order|report a new fault)
         ~ report a problem with[ the] {machine}
         ~ we need a[ {priority} priority] work order because the {fault}
         """,
         result={"id": ORDER, "machine": "{machine}", "state": "open"}, answer="Work order {id} for the {machine} is open."),
    tool("assign_work_order give_work_order assign_job", "assign", "Give a work order to a technician",
         {"order|work_order|order_id": (ORDER, "number of the work order"),
          "technician|person|mechanic": (PERSON, "who does it"),
          "due?|due_date?": (Date(), "when it has to be done")},
         """
         (assign|give)[ work order] {order} to {technician}
         {technician} (should|must|will) (do|take)[ work order] {order}[ {due}]
         (let|have) {technician} (do|take)[ work order] {order}[ {due}]
         (put|book) {technician} on[ work order] {order}
         {order} is for {technician}
         i (want|need) {technician} on[ work order] {order}[ {due}]
         (assign|give)[ work order] {order} to {technician}, due {due}
         can {technician} (do|take)[ work order] {order}
         ~ {technician} for work order {order}[, due {due}]
         ~ work order {order} will be for {technician}
         ~ {order} is due {due}, {technician} should take it
         (assign|give)[ work order] {order} to (someone|somebody)
         (assign|give) (the|a|that) work order to {technician}[, due {due}]
         (put|book) {technician} on the work order
         assign[ work order] {order}
         ~ who can take[ work order] {order}, please assign it
         ~ let {technician} take a work order
         """,
         result={"order": "{order}", "technician": "{technician}"}, answer="Work order {order} is with {technician}."),
    tool("find_spare_part part_lookup search_part get_part_number", "lookup", "Look up the number and the stock of a spare part",
         {"part|part_name|item": (Text(words.PARTS), "name of the part"),
          "machine?|fits?": (MACHINE, "machine that it is for")},
         """
         (find|look up|search for) the[ spare] {part}[ for[ the] {machine}] in the (store|stock)
         do we have a spare {part}[ for[ the] {machine}]
         what is the (part number|number) of the {part}[ for[ the] {machine}]
         (is there|is) a {part} in (stock|the store)
         how many of the {part} are (left|in stock)
         (look up|find) the part number of the {part}[ for[ the] {machine}]
         spare {part}[ for[ the] {machine}]
         i (need|want) to know the part number of the {part}
         ~ which part number does the {part}[ for[ the] {machine}] have
         ~ {part}: number and stock
         ~ (look|see) if there is a spare {part} left
         (find|look up|get) (a|the) spare part[ for[ the] {machine}]
         what is the part number[ for[ the] {machine}]
         how many are (left|in stock)
         ~ do we have a spare part for[ the] {machine}
         ~ (is|look if) the part in stock
         """,
         result={"part": "{part}", "part_number": PART_NUMBER, "stock": Number(0, 60), "shelf": Code("@#|@##")},
         answer="The {part} is {part_number}, {stock} in stock on shelf {shelf}."),
    tool("order_parts order_spare_part buy_parts purchase_part", "order", "Order spare parts by number",
         {"part_number|part_id|item_number": (PART_NUMBER, "number of the part"),
          "quantity|count|pieces": (Number(2, 60), "how many"),
          "express?|fast_delivery?": (Flag(["by express", "with fast delivery"], ["by normal delivery", "without express"]),
                                        "whether it has to come fast")},
         """
         (order|buy|get) {quantity}[ pieces] of[ part] {part_number}[ {express}]
         {quantity} x {part_number}[ {express}]
         (order|buy)[ part] {part_number}, {quantity} pieces[, {express}]
         we need {quantity}[ more] of[ part] {part_number}[, {express}]
         i (want|need) to order {quantity}[ pieces] of {part_number}
         (place|make) an order for {quantity} of[ part] {part_number}
         please buy {quantity}[ more][ pieces] of {part_number}
         {part_number}: order {quantity}
         ~ of part {part_number} we need {quantity} more pieces
         ~ make an order: {part_number}, {quantity} pieces
         ~ {express} please order {quantity} of {part_number}
         (order|buy|get)[ more][ of][ part] {part_number}[ {express}]
         (order|buy) {quantity} (pieces|parts|of them)[ {express}]
         we need more of[ part] {part_number}
         (order|buy) spare parts[ {express}]
         ~ make an order for part {part_number}
         ~ i want to order {quantity} more pieces
         """,
         result={"order_id": Code("PO-####"), "part_number": "{part_number}", "quantity": "{quantity}"},
         answer="Order {order_id}: {quantity} of {part_number}."),
    tool("add_handover_note shift_note write_handover leave_note", "message", "Write a note for the hand-over to the next shift",
         {"shift|for_shift|next_shift": (SHIFT, "shift that reads it"),
          "note|text|message": (Text(NOTES), "what the shift has to know"),
          "important?|urgent?": (Flag(["important"], ["not important"]), "whether it is shown first")},
         """
         (tell|inform) the {shift} shift that {note}
         (write|leave|add) a[ new] note (for|to) the {shift} shift: {note}
         (write|put) (in|into) the hand-over for the {shift} shift that {note}
         (hand-over|note) to the {shift} shift[, {important}]: {note}
         {shift} shift: {note}
         the {shift} shift (has to|should|must) (know|hear) that {note}
         (write|leave|add) a (note|hand-over note) for the {shift} shift, {important}: {note}
         i (want|need|would like) the {shift} shift to (know|hear) that {note}
         ~ for the {shift} shift[, {important}]: {note}
         ~ put a note in for the {shift} shift[, {important}]: {note}
         ~ {note}, write that for the {shift} shift
         tell the {shift} shift (something|about it)
         (write|leave|add) a (note|hand-over) for the {shift} shift
         (write|put) in the hand-over that {note}
         the (next|other) shift should know that {note}
         ~ i want to leave a note for the {shift} shift
         ~ write in the hand-over: {note}
         """,
         result={"shift": "{shift}", "note_id": Code("N-###"), "saved": True}, answer="Note {note_id} is saved for the {shift} shift."),
    tool("lock_out lockout_machine isolate_machine lock_machine", "lock", "Lock a machine out and cut off its energies",
         {"machine|machine_name|equipment": (MACHINE, "the machine"),
          "energies|supplies|sources": (Array(Choice("electricity", "air", "steam", "gas", "water", "oil")), "what is cut off"),
          "technician?|owner?": (PERSON, "who holds the key")},
         """
         lock out[ the] {machine}[ for {technician}], cut off {energies}
         (cut|shut) off {energies} (on|at|of)[ the] {machine} and lock it[ for {technician}]
         (isolate|lock)[ the] {machine} from {energies}
         {machine} lock out, {energies}
         lock[ the] {machine} out[ for {technician}] with {energies} off
         i (want|need)[ the] {machine} locked out, {energies} off
         {technician} works on[ the] {machine}, so lock it and cut off {energies}
         please isolate {energies} on[ the] {machine}
         ~ so that {technician} can work on[ the] {machine} cut off {energies}
         ~ lock out for[ the] {machine}: {energies} off
         ~ [the ]{machine} must be locked out[ for {technician}], {energies} off
         lock[ the] {machine}[ for {technician}]
         (cut|shut) off {energies}
         (isolate|lock out)[ the] {machine}
         (isolate|lock out) the machine
         ~ please isolate {energies}
         ~ {technician} works on[ the] {machine}, please lock it out
         """,
         result={"machine": "{machine}", "locked": True, "lock_id": Code("L-###"), "energies": "{energies}"},
         answer="The {machine} is locked out with {lock_id}, {energies} off."),
    tool("read_sensor sensor_value get_reading measure", "reading", "Read a sensor of a machine",
         {"machine|machine_name|equipment": (MACHINE, "the machine"),
          "quantity|sensor|signal": (Choice("temperature", "pressure", "vibration", "flow:flow rate", "humidity:moisture"),
                                      "what is measured")},
         """
         what is the {quantity} (of|on|at)[ the] {machine}
         (read|show|get|check) the {quantity} (of|on|at)[ the] {machine}
         {machine} {quantity}
         how (high|low) is the {quantity} (of|on|at)[ the] {machine}
         (read|show) the {quantity} sensor of[ the] {machine}
         i (want|need) to know the {quantity} of[ the] {machine}
         tell me the {quantity} that[ the] {machine} has
         what does the {quantity} sensor (of|on)[ the] {machine} say
         ~ {quantity} (of|on)[ the] {machine} right now
         ~ what {quantity} does[ the] {machine} have
         ~ is the {quantity} of[ the] {machine} (high|low)
         what is the {quantity}[ right now]
         (read|show|check) the sensor (of|on)[ the] {machine}
         (read|check) the {quantity} sensor
         how (high|low) is the {quantity}
         ~ i want to know the {quantity}
         ~ what does the sensor of[ the] {machine} say
         """,
         result={"machine": "{machine}", "quantity": "{quantity}", "reading": Number(1, 90, 0.1), "normal": True},
         answer="The {quantity} of the {machine} reads {reading}."),
    tool("find_technician who_is_available free_technician technician_lookup", "lookup", "Find a technician with a skill who is free",
         {"skill|trade|job_type": (SKILL, "what the work is"),
          "shift?|when?": (SHIFT, "in which shift")},
         """
         (find|get|find me|get me|look up) a[ free] technician for {skill} work[ on the {shift} shift]
         who (can do|does|is good at) {skill} work[ on the {shift} shift]
         who is free for {skill} work[ on the {shift} shift]
         which technician (can do|does) {skill} (work|jobs)
         is (someone|anyone|somebody) free for {skill} (work|jobs)[ on the {shift} shift]
         i need (someone|a technician) for {skill} work[ on the {shift} shift]
         free technician, {skill} work
         who on the {shift} shift can do {skill} work
         ~ {skill} work on the {shift} shift: who is free
         ~ look up who can do {skill} jobs
         ~ is there a[ free] technician who does {skill} work
         (find|get|find me|get me|look up) a[ free] technician[ on the {shift} shift]
         who is free[ on the {shift} shift]
         i need (someone|a technician)[ on the {shift} shift]
         which technician is free
         ~ is there a free technician[ on the {shift} shift]
         ~ look up who is free
         """,
         result={"technician": PERSON, "skill": "{skill}", "extension": Number(100, 999)},
         answer="{technician} is free for {skill} work, extension {extension}."),
    tool("log_lubrication lubrication_entry record_greasing lube_log", "record", "Enter in the log that a machine was lubricated, oiled or greased",
         {"machine|machine_name|lubricated": (MACHINE, "the machine"),
          "amount|dose|used": (DOSE, "how much was used"),
          "date?|day?": (Date(), "when it was done")},
         """
         (log|enter) {amount} of lubricant for[ the] {machine}[ {date}]
         i (lubricated|greased|oiled)[ the] {machine} with {amount}[ {date}]
         lubrication (log|entry): {machine}, {amount}[, {date}]
         (put|write) {amount} for[ the] {machine} in the lubrication log
         [the ]{machine} got {amount} of (lubricant|grease|oil)[ {date}]
         {machine} (greased|lubricated|oiled), {amount}
         (note|log) that[ the] {machine} was (greased|lubricated|oiled) with {amount}[ {date}]
         ~ {amount} of (grease|lubricant) for[ the] {machine}[ {date}], log it
         ~ for[ the] {machine} enter a lubrication of {amount}
         ~ i used {amount} of (oil|grease) on[ the] {machine}
         i (greased|lubricated|oiled)[ the] {machine}[ {date}]
         (log|enter) {amount} of lubricant
         (make|write) a lubrication entry
         ~ note in the lubrication log that i greased[ the] {machine}
         ~ i used {amount} of (grease|lubricant)
         """,
         result={"machine": "{machine}", "amount": "{amount}", "next_due": Date()},
         answer="{amount} for the {machine} is in the log, next due {next_due}.", held=True),
    tool("get_production_count output_count count_pieces production_total", "reading", "Tell how many pieces a line produced, its output",
         {"line|line_number|production_line": (LINE, "number of the line"),
          "date?|day?": (Date(), "day that is counted")},
         """
         how many (pieces|units|parts) did line {line} (make|produce|finish)[ {date}]
         what (is|was) the (output|production count|total) of line {line}[ {date}]
         (show|get|give me) the (output|production count|unit count) of line {line}[ {date}]
         line {line} (output|production count)[ {date}]
         how much (has line {line} produced|has line {line} made|did line {line} make)[ {date}]
         count the (pieces|units) from line {line}[ {date}]
         i want to know the output of line {line}[ {date}]
         ~ what did line {line} produce[ {date}]
         ~ the number of (units|pieces) made on line {line}[ {date}]
         ~ (production|unit) count, line {line}[, {date}]
         how many (pieces|units) did (we|the line) (make|produce)[ {date}]
         what (is|was) the (output|production count)[ {date}]
         (show|get) the unit count[ {date}]
         ~ what did the line produce {date}
         ~ i want to know how many units we made
         """,
         result={"line": "{line}", "good": Number(500, 9000), "scrap": Number(0, 90)},
         answer="Line {line} made {good} good pieces and {scrap} scrap.", held=True),
    tool("schedule_calibration plan_calibration calibrate_instrument calibration_booking", "schedule",
         "Plan the day on which a measuring instrument must be calibrated",
         {"instrument|device|gauge": (Text(INSTRUMENTS), "the instrument"),
          "date|day|when": (Date(), "day of the calibration"),
          "time?|start_time?": (Time(), "when it starts")},
         """
         (schedule|plan|book) the calibration of the {instrument} {date}[ at {time}]
         (schedule|plan|book|make) a calibration for the {instrument} {date}[ at {time}]
         (calibrate|please calibrate) the {instrument} {date}[ at {time}]
         the {instrument} (has to|must|should|will) be calibrated {date}[ at {time}]
         i (want|need|would like) the {instrument} calibrated {date}[ at {time}]
         {instrument} calibration {date}[ at {time}]
         (have|get) the {instrument} calibrated {date}[ at {time}]
         can you (schedule|plan|book) a calibration of the {instrument} {date}
         ~ {date}[ at {time}] the {instrument} needs a calibration
         ~ plan {date} for the calibration of the {instrument}
         ~ calibration: {instrument}, {date}[ at {time}]
         (schedule|plan|book) the calibration of the {instrument}[ at {time}]
         (schedule|plan|book) a calibration {date}[ at {time}]
         the {instrument} (has to|must|should) be calibrated
         calibrate an instrument
         ~ the {instrument} needs a calibration
         ~ {date} i want something calibrated
         """,
         result={"instrument": "{instrument}", "date": "{date}", "certificate": Code("C-####")},
         answer="Calibration {certificate} of the {instrument} is planned for {date}.", held=True),
]
SEQUENCES = [
    then("find_spare_part", "order_parts", {"part_number": "part_number"}, """
         (look up|find) the part number of the {part} and (order|buy) {quantity}[ pieces][ {express}]
         (look up|find) the {part}[ for[ the] {machine}] in the store, then order {quantity} of (it|them)
         get the number of the {part} and place an order for {quantity}[ pieces]
         we need {quantity} more of the {part}, find the number and order them[ {express}]
         ~ {quantity} of the {part}: look up the part number and order them
         """),
    then("create_work_order", "assign_work_order", {"order": "id"}, """
         (open|write|create) a work order for[ the] {machine} and give it to {technician}: {fault}
         (open|create) a work order for[ the] {machine}, assign it to {technician}[, {priority} priority]: {fault}
         report a fault on[ the] {machine} and let {technician} do it[ {due}]: {fault}
         {technician} should take a new work order for[ the] {machine}: {fault}
         ~ on[ the] {machine} the {fault}, open a work order and put {technician} on it
         """),
    then("find_technician", "assign_work_order", {"technician": "technician"}, """
         find (a|a free) technician for {skill} work and give them[ work order] {order}[, due {due}]
         look up who is free for {skill} work and assign {order} to them
         find out who can do {skill} work[ on the {shift} shift] and put them on[ work order] {order}
         i need someone for {skill} work, then give them {order}
         ~ assign work order {order} to a technician who can do {skill} work, look up who is free
         """),
]
PICKS = [
    pick("list_alarms", "acknowledge_alarm", "alarm", "id", """
         (acknowledge|confirm|accept) {which}
         mark {which} as (seen|acknowledged)
         i have seen {which}[, confirm it]
         please (acknowledge|confirm) {which}[ with the comment {comment}]
         {which} can be acknowledged
         ~ {which}: seen, please accept it
         """),
]
