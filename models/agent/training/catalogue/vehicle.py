"""Tools of a car."""
import words
from tools import pick, then, tool
from values import (Array, Choice, Code, Date, Flag, Minutes, Number, PERCENT, PERSON, Quantity, STATE, TEMPERATURE, Text, Time)

PLACES = words.AnyOf(words.Joined("{a} in {b}", a=words.STREETS, b=words.TOWNS), words.TOWNS, words.SITES, weights=(2, 2, 1))
STATIONS = words.AnyOf(words.Joined("radio {a}", a=words.Coined(capital=True)), words.Joined("{a} fm", a=words.Pool("""silver, river,
    harbour, sunset, city, planet, coast, forest, metro, galaxy, valley, island, comet, echo, summit, lemon, rocket, delta, amber,
    north, polar, breeze, neon""")), words.Joined("{a} radio", a=words.TOWN_STARTS))
CAR_PARKS = words.Joined("{a} {b}", a=words.Pool("""central, station, market, old town, riverside, museum, theatre, castle, harbour,
    opera, stadium, city hall, university, north, south, garden"""), b=words.Fixed("garage", "car park", "parking"))

TOOLS = [
    tool("set_climate climate_control cabin_temperature set_air_conditioning", "level", "Set the climate of a part of the cabin",
         {"zone|area|side": (Choice("driver", "passenger:front passenger", "rear:back row"), "part of the cabin"),
          "temperature|target|degrees": (TEMPERATURE, "wanted temperature"),
          "fan?|fan_level?|blower?": (Number(1, 7), "strength of the fan")},
         """
         (set|turn|change) the (climate|air conditioning) for the {zone} to {temperature}[ with fan level {fan}]
         (cool|warm) the {zone} area to {temperature}[ with fan level {fan}]
         i (want|need|would like) {temperature} for the {zone}[ and fan level {fan}]
         {zone} climate: {temperature}[, fan level {fan}]
         (can|could) the {zone} have {temperature}[ and fan level {fan}]
         (make|keep) it {temperature} for the {zone}[ with fan level {fan}]
         the {zone} (needs|should have) {temperature}[ and fan level {fan}]
         (climate|air conditioning) at {temperature} for the {zone}[ with fan level {fan}]
         ~ for the {zone}, make it {temperature}
         ~ the climate for the {zone} should be {temperature}
         ~ please set it to {temperature} for the {zone}, fan level {fan}
         (set|turn) the (climate|air conditioning) to {temperature}[ with fan level {fan}]
         (cool|warm) the {zone} area
         make it warmer for the {zone}
         i need {temperature}[ and fan level {fan}]
         ~ make it {temperature} with fan level {fan}
         ~ please set the climate for the {zone}
         """,
         result={"zone": "{zone}", "target": "{temperature}", "outside": Number(-15, 38)},
         answer="The {zone} climate is set to {target}; it is {outside} degrees outside."),
    tool("set_seat_heating heat_seat seat_heater", "level", "Set the heating of a seat",
         {"seat|position|place": (Choice("front_left:driver", "front_right:passenger", "rear_left:back left", "rear_right:back right"),
                                 "which seat"),
          "level|strength|heat_level": (Number(0, 5), "0 is off, 5 is hottest"),
          "duration?|minutes?": (Minutes(), "how long to heat")},
         """
         (set|put|turn) the {seat} seat (heating|heater) to [level ]{level}[ for {duration}]
         (heat|warm) the {seat} seat at level {level}[ for {duration}]
         {seat} seat: level {level}[ for {duration}]
         i (want|need) level {level} on the {seat} seat[ for {duration}]
         the {seat} seat should be heated at level {level}
         seat (heating|heater) {seat}, level {level}
         can you (heat|warm) the {seat} seat with level {level}[ for {duration}]
         make the {seat} seat warm, level {level}
         ~ level {level} for the {seat} seat, please
         ~ for {duration}, heat the {seat} seat at level {level}
         ~ the {seat} seat heater should be at {level}
         (heat|warm) the {seat} seat[ for {duration}]
         set the seat heating to [level ]{level}[ for {duration}]
         can you turn on the {seat} seat heater
         i want seat heating at level {level}
         ~ please make the {seat} seat warm
         ~ seat heater at level {level}
         """,
         result={"seat": "{seat}", "level": "{level}"}, answer="The {seat} seat is heated at level {level}.", held=True),
    tool("move_window window_position open_window", "level", "Move a window of the car",
         {"window|pane": (Choice("front_left:driver", "front_right:passenger", "rear_left:back left", "rear_right:back right"),
                          "which window"),
          "opening|position|percent": (PERCENT, "how far open, in percent")},
         """
         (open|move|set|roll) the {window} window to {opening}[, please]
         {window} window (to|at) {opening}
         {window} window: {opening} open
         i (want|need|would like) the {window} window {opening} open
         (leave|keep|have|get) the {window} window {opening} open[, please]
         (can|could) you (open|move|roll) the {window} window to {opening}
         the {window} window (should|has to) be {opening} open
         (bring|put|change|turn) the {window} window to {opening}[, please]
         for some air, (open|roll|move) the {window} window to {opening}
         ~ window {window}: {opening}
         ~ please have the {window} window at {opening}
         ~ the {window} window, {opening} open, please
         (move|change|roll) the {window} window
         (open|roll|set) the window to {opening}
         i want the window {opening} open
         the {window} window should be open a bit
         ~ please set the {window} window
         ~ the window, {opening} open, please
         """,
         result={"window": "{window}", "opening": "{opening}"}, answer="The {window} window is {opening} percent open."),
    tool("navigate_to start_route drive_to set_destination", "navigate", "Start the navigation to a place",
         {"destination|target|to": (Text(PLACES), "where to go"),
          "stops?|via?|waypoints?": (Array(Text(words.TOWNS)), "places on the way"),
          "avoid?|without?|exclude?": (Array(Choice("tolls:toll roads", "motorways:highways", "ferries", "tunnels"), 2), "what to avoid")},
         """
         (navigate|drive|go) to {destination}[ via {stops}][ avoiding {avoid}]
         (take|bring|guide) me to {destination}[ via {stops}]
         (plan|start|find) a route to {destination}[ via {stops}][ without {avoid}]
         i (want|need|have) to (get|go) to {destination}[ via {stops}][ without {avoid}]
         route to {destination}[ via {stops}][, no {avoid}]
         how do i get to {destination}[ without {avoid}]
         set the destination to {destination}[ avoiding {avoid}]
         next destination: {destination}[ via {stops}]
         ~ {destination} is the destination, start the route[ without {avoid}]
         ~ bring me via {stops} to {destination}
         ~ without {avoid}, how do i go to {destination}
         (plan|find) a route[ via {stops}][ without {avoid}]
         (take|bring) me somewhere[ via {stops}]
         start the navigation[ without {avoid}]
         i have to go somewhere avoiding {avoid}
         ~ i want to go via {stops}
         ~ plan the next route[ without {avoid}]
         """,
         result={"destination": "{destination}", "km": Number(2, 280), "arrival": Time()},
         answer="The route to {destination} is {km} km long, you arrive at {arrival}."),
    tool("charge_car schedule_charging charge_battery", "schedule", "Charge or load the battery until a time",
         {"limit|charge_level|target_percent": (PERCENT, "how full the battery gets, in percent"),
          "ready_by|time|until": (Time(), "when the car has to be ready"),
          "power?|max_power?": (Number(2, 22, unit=("kw", "kilowatts")), "charging power in kilowatts")},
         """
         charge the (car|battery) to {limit} by {ready_by}[ with {power}]
         (charge|load) up to {limit} by {ready_by}[ with {power}]
         i (want|need) {limit} (charge|battery) by {ready_by}[ with {power}]
         the (car|battery) (should|has to) be at {limit} by {ready_by}[ with {power}]
         (charging|charge|battery): {limit} by {ready_by}[, {power}]
         (have|get) the battery {limit} full by {ready_by}[ with {power}]
         i leave at {ready_by}, charge the (car|battery) to {limit}[ with {power}]
         can you (charge|load) to {limit} by {ready_by}[ with {power}]
         ~ by {ready_by} the battery should be {limit} full
         ~ battery to {limit} by {ready_by}, please
         ~ with {power}, charge the car to {limit} by {ready_by}
         charge the (car|battery)[ with {power}]
         charge the (car|battery) to {limit}[ with {power}]
         i need the car charged by {ready_by}
         have the car charged by {ready_by}
         ~ the battery should be at {limit}
         ~ i leave at {ready_by}, can you charge the battery
         """,
         result={"limit": "{limit}", "ready_by": "{ready_by}", "session": Code("S-###")},
         answer="Session {session} charges to {limit} percent by {ready_by}.", held=True),
    tool("get_tyre_pressure tyre_pressure check_tyre", "reading", "Read the pressure of a tyre",
         {"wheel|tyre|position": (Choice("front_left", "front_right", "rear_left:back left", "rear_right:back right"), "which wheel"),
          "compare?|with_target?": (Flag(["with the target value", "compared with the target"],
                                        ["without the target value", "without the target"]),
                                   "whether to show the target too")},
         """
         what is the pressure (of|in) the {wheel} tyre[ {compare}]
         (check|read|show me|tell me) the {wheel} tyre pressure[ {compare}]
         how much (air|pressure) does the {wheel} tyre have[ {compare}]
         {wheel} tyre pressure[ {compare}]
         {wheel} tyre, how much (air|pressure)[ {compare}]
         is there enough (air|pressure) in the {wheel} tyre
         does the {wheel} (tyre|wheel) need [more ]air
         i (want|need) to know the pressure (of|in) the {wheel} tyre[ {compare}]
         the {wheel} (tyre|wheel) looks flat, check the pressure[ {compare}]
         ~ read the pressure of the {wheel} wheel[ {compare}]
         ~ is the {wheel} tyre flat
         ~ i need the {wheel} tyre pressure {compare}
         what is the tyre pressure[ {compare}]
         (check|read) the pressure of a tyre[ {compare}]
         does the tyre need air
         one tyre looks flat
         ~ how much air does the tyre have[ {compare}]
         ~ is there enough pressure in the tyre
         """,
         result={"wheel": "{wheel}", "pressure": Quantity(bar=(1.5, 3.5, 0.1, "bar"))},
         answer="The {wheel} tyre has {pressure}.", held=True),
    tool("get_range remaining_range read_range", "reading", "Read how far the car can still drive",
         {"reserve?|with_reserve?": (Flag(["with the reserve", "including the reserve"],
                                          ["without the reserve", "not counting the reserve"]),
                                     "whether the reserve counts")},
         """
         how far can i (still drive|drive|still go|go)[ {reserve}]
         what is the [remaining ]range[ {reserve}]
         (tell me|show me|check|read) the [remaining ]range[ {reserve}]
         how much range (is left|do i have)[ {reserve}]
         [remaining ]range[ {reserve}], please
         i (want|need) to know how far i can still (drive|go)[ {reserve}]
         how many kilometres (are left|can i drive)[ {reserve}]
         how far will the (battery|car) take me[ {reserve}]
         ~ what range do i have[ {reserve}]
         ~ {reserve}, how many kilometres do i have left
         ~ i need the remaining range[ {reserve}]
         """,
         result={"range": Number(10, 520), "unit": "km"}, answer="You can drive {range} {unit}."),
    tool("play_station play_radio tune_radio", "media", "Play a radio station",
         {"station|channel|radio": (Text(STATIONS), "name of the station"),
          "volume?|loudness?": (PERCENT, "volume in percent")},
         """
         (play|start|turn on) the station {station}[ at {volume} volume]
         (switch|change|tune) the radio to {station}[ at {volume} volume]
         i (want|would like) to (hear|listen to) the station {station}[ at {volume} volume]
         put the station {station} on[ at {volume} volume]
         station: {station}[, {volume} volume]
         (can|could) you (play|find) the station {station}[ at {volume} volume]
         let me (hear|listen to) the station {station}[ at {volume} volume]
         the radio (should|has to) play {station}[ at {volume} volume]
         ~ the station {station}, please[, {volume} volume]
         ~ please tune in the station {station}
         ~ on the radio i want to hear {station}
         (switch|change) the station[ at {volume} volume]
         tune the radio[ at {volume} volume]
         i would like to hear another station
         can you find a station
         ~ please play another station[ at {volume} volume]
         ~ let me listen to the radio
         """,
         result={"station": "{station}", "playing": True, "frequency": Number(88, 108, 0.1)},
         answer="Now playing {station} at {frequency} MHz."),
    tool("call_contact phone_call dial make_call", "message", "Call somebody on the phone",
         {"contact|person|who": (PERSON, "name or number to call"),
          "line?|phone_type?|number_type?": (Choice("mobile:cell", "home:private", "work:office"), "which of the numbers")},
         """
         (call|phone|ring) {contact}[ on the {line} number]
         (make|start) a call to {contact}[ on the {line} number]
         i (want|need|have) to (call|speak to|talk to) {contact}[ on the {line} number]
         (can|could) you (call|ring) {contact}[ on the {line} number]
         call: {contact}[, {line} number]
         get {contact} on the phone
         (dial|use) the {line} number of {contact}
         give {contact} a (call|ring)[ on the {line} number]
         ~ please get me {contact} on the {line} number
         ~ phone call to {contact}
         ~ i would like to speak to {contact}[ on the {line} number]
         (make|start) a call[ on the {line} number]
         i (want|need) to call somebody
         can you dial a {line} number
         get somebody on the phone
         ~ i have to speak to somebody on the phone
         ~ please use the {line} number
         """,
         result={"contact": "{contact}", "call": Code("C###"), "state": "ringing"}, answer="Call {call} to {contact} is {state}."),
    tool("book_service garage_appointment service_booking", "order", "Book a service of the car at the garage",
         {"work|service|job": (Choice("oil_change", "inspection:yearly check", "tyre_change:change of tyres",
                                     "brake_check:check of the brakes"),
                               "what has to be done"),
          "date|day": (Date(), "day of the service"),
          "time?|at?": (Time(), "when to bring the car"),
          "loan_car?|replacement_car?": (Flag(["with a loan car", "i need a loan car"], ["without a loan car", "i need no loan car"]),
                                         "whether another car is needed meanwhile")},
         """
         (book|order) the {work} {date}[ at {time}][, {loan_car}]
         (book|make) an appointment for the {work} {date}[ at {time}][, {loan_car}]
         i (want|need|would like) the {work} done {date}[ at {time}][, {loan_car}]
         {date}[ at {time}] the car needs the {work}, please book it
         service: {work} {date}[ at {time}][, {loan_car}]
         can the garage do the {work} {date}[ at {time}]
         tell the garage that i need the {work} {date}[ at {time}]
         the {work} is due, book it {date}[ at {time}][, {loan_car}]
         ~ {date}, please book the {work}[, {loan_car}]
         ~ the car needs the {work}, can the garage do it {date}
         ~ garage appointment {date} at {time} for the {work}
         (book|order) the {work}[, {loan_car}]
         (book|make) an appointment at the garage {date}[ at {time}]
         the {work} is due, please book it
         tell the garage that i need a service {date}
         ~ the car needs the {work}[, {loan_car}]
         ~ can the garage do a service {date}[ at {time}]
         """,
         result={"work": "{work}", "date": "{date}", "booking": Code("G-####"), "phone": Code("0### ######")},
         answer="The {work} is booked for {date}, number {booking}; the garage has the phone number {phone}."),
    tool("set_driving_mode drive_mode driving_program", "mode", "Choose the driving mode",
         {"mode|program|style": (Choice("eco:economy", "comfort", "sport", "snow:winter"), "driving mode"),
          "duration?|minutes?": (Minutes(), "how long to stay in it")},
         """
         (drive|stay|go) in {mode} mode[ for {duration}]
         (switch|change|set) (the car|the driving mode) to {mode}[ for {duration}]
         {mode} mode[ for {duration}], please
         i (want|would like) to drive in {mode}[ mode][ for {duration}]
         put the car in {mode}[ mode][ for {duration}]
         driving mode: {mode}[ for {duration}]
         (turn on|start|use) [the ]{mode} mode[ for {duration}]
         can you (use|start) the {mode} driving mode
         ~ let me drive in {mode} mode[ for {duration}]
         ~ for {duration}, put the car in {mode} mode
         ~ the driving mode should be {mode}
         (switch|change|set) the driving mode[ for {duration}]
         i (want|would like) another driving mode[ for {duration}]
         put the car in another mode
         ~ use another driving mode for {duration}
         ~ let me change the driving mode
         """,
         result={"mode": "{mode}", "active": True}, answer="The car is in {mode} mode."),
    tool("get_trip trip_log show_trip", "lookup", "Look up a trip in the trip log",
         {"trip|trip_id|id": (Code("T-###"), "number of the trip")},
         """
         (show|open|look up) trip {trip}[ in the log]
         (where did|how far did|how fast did) trip {trip} go
         (tell me|show me) (about|everything about) trip {trip}
         what does the [trip ]log say about trip {trip}
         trip {trip}[ in the log], please
         i (want|need|would like) to see trip {trip}[ in the log]
         (find|read|check) trip {trip} in the [trip ]log[, please]
         how (long|far|fast) was trip {trip}
         (where|how far|how fast) did i (go|drive) on trip {trip}
         ~ look in the log for trip {trip}
         ~ i need to know how far trip {trip} was
         ~ trip {trip}: where did it go
         (show|open|look up) a trip[ in the log]
         (where did|how far did) the trip go
         how (long|fast) was the trip
         i need to see a trip in the log
         ~ what does the log say about the trip
         ~ find the trip in the log
         """,
         result={"trip": "{trip}", "destination": Text(PLACES), "average": Quantity(kmh=(30, 140, 1, "km/h")), "km": Number(2, 280)},
         answer="Trip {trip} went to {destination}: {km} km at {average} on average."),
    tool("find_parking search_parking parking_nearby", "search", "Find places to park",
         {"town|city|place": (Text(words.TOWNS), "where to park"),
          "duration?|minutes?": (Minutes(), "how long to park"),
          "covered?|roof?": (Flag(["under a roof", "with a roof"], ["without a roof", "in the open air"]), "whether the place has a roof")},
         """
         find (parking|a parking space) in {town}[ for {duration}][, {covered}]
         where can i park in {town}[ for {duration}][, {covered}]
         (look for|show me) parking in {town}[ for {duration}][, {covered}]
         i (want|need|have) to park in {town}[ for {duration}][, {covered}]
         parking in {town}[ for {duration}][, {covered}]
         is there (parking|a car park) in {town}[, {covered}]
         (which|what) car parks are there in {town}[, {covered}]
         i am looking for a (car park|parking space) in {town}[ for {duration}]
         ~ i need a parking space in {town}[ for {duration}]
         ~ show me where i can park in {town}, {covered}
         ~ {town}: is there a car park[ for {duration}]
         find (parking|a parking space)[ for {duration}][, {covered}]
         where can i park[ for {duration}]
         i need to park the car[ for {duration}][, {covered}]
         is there a car park
         ~ i am looking for parking[ for {duration}]
         ~ show me some car parks, {covered}
         """,
         items={"name": Text(CAR_PARKS), "address": Text(words.STREETS), "price": Number(1, 30, 0.5)}),
    tool("set_cruise_control cruise_control hold_speed", "level", "Set the speed of the cruise control",
         {"speed|velocity|target_speed": (Quantity(kmh=(30, 180, 5, ("km/h", "kilometres per hour")),
                                                   mph=(20, 110, 5, ("mph", "miles per hour"))),
                                          "speed to hold"),
          "distance?|gap?": (Choice("short", "medium", "long"), "distance to the car in front")},
         """
         (set|turn|put) the cruise control to {speed}[ with a {distance} distance]
         (hold|keep) a speed of {speed}[ with a {distance} distance]
         cruise (control|speed)[:] {speed}[, {distance} distance]
         i (want|need) to (cruise|drive) at {speed}[ with a {distance} distance]
         let the car (cruise|drive) at {speed}[ with a {distance} distance]
         can you (hold|keep) {speed}[ with a {distance} distance]
         the car (should|has to) (stay|drive) at {speed}[ with a {distance} distance]
         (bring|change) the cruise speed to {speed}
         ~ cruise at {speed}[ with a {distance} distance], please
         ~ the cruise control should hold {speed}
         ~ with a {distance} distance, keep the speed at {speed}
         (set|turn on|start) the cruise control[ with a {distance} distance]
         hold another speed[ with a {distance} distance]
         change the cruise speed
         let the car cruise with a {distance} distance
         ~ can you use the cruise control
         ~ i want to cruise[ with a {distance} distance]
         """,
         result={"speed": "{speed}", "holding": True}, answer="The cruise control holds {speed}."),
    tool("switch_car_light car_light toggle_light", "switch", "Switch a light of the car on or off",
         {"light|lamp|which": (Choice("low_beam:dipped beam", "high_beam:main beam", "fog_light:fog lamp", "cabin_light:interior light",
                                      "hazard_light:warning light"), "which light"),
          "state|power|value": (STATE, "on or off"),
          "duration?|minutes?": (Minutes(), "for how long")},
         """
         (turn|switch|put) the {light} {state}[ for {duration}]
         (turn|switch) {state} the {light}[ for {duration}]
         {light} {state}[ for {duration}]
         i (want|need|would like) the {light} {state}[ for {duration}]
         the {light} (should|has to) (be turned|stay) {state}[ for {duration}]
         (keep|leave) the {light} {state}[ for {duration}][, please]
         (can|could) you (turn|switch) the {light} {state}[ for {duration}]
         (have|get) the {light} {state}[ for {duration}]
         ~ {light}, please: {state}[ for {duration}]
         ~ for {duration}, turn the {light} {state}
         ~ {state} with the {light}, please
         (turn|switch) a light {state}[ for {duration}]
         change the {light}[ for {duration}]
         i want one of the lights {state}
         please do something about the {light}
         ~ have one of the lamps outside {state}
         ~ i would like to change the {light}[ for {duration}]
         """,
         result={"light": "{light}", "state": "{state}"}, answer="The {light} is {state}."),
    tool("move_lid trunk_control open_trunk", "switch", "Open or close a lid of the car",
         {"lid|cover|part": (Choice("trunk:boot|tailgate", "hood:bonnet", "charging_flap:charge port"), "which lid"),
          "action|command": (Choice("open", "close:shut"), "open or close"),
          "opening?|percent?": (PERCENT, "how far, in percent")},
         """
         {action} the {lid} (of the car|for me)[ to {opening}]
         {action} the {lid}[ to {opening}], (please|i am at the car)
         (can|could) you please {action} the {lid}[ to {opening}]
         i (want|need|would like) you to {action} the {lid} of the car[ to {opening}]
         {lid}, {action}[ it][ to {opening}]
         my hands are full, [please ]{action} the {lid}[ to {opening}]
         (let|have|make) the car {action} the {lid}[ to {opening}]
         it is time to {action} the {lid} of the car[ to {opening}]
         i (need|have) to {action} the {lid} of the car[ to {opening}]
         i have stopped at the shop, {action} the {lid}[ to {opening}]
         ~ i am at the shop, could you {action} the {lid}[ to {opening}]
         ~ could the car {action} the {lid}[ to {opening}]
         ~ i need the car to {action} the {lid}
         {action} it for me[ to {opening}]
         do something about the {lid} of the car
         my hands are full, i need the {lid}
         let the car {action} it
         ~ could you {action} it[ to {opening}]
         ~ the {lid} of the car, please
         """,
         result={"lid": "{lid}", "done": "{action}", "angle": Number(0, 90)}, answer="Done: {done} {lid}, its angle is {angle} degrees."),
]
SEQUENCES = [
    then("get_trip", "navigate_to", {"destination": "destination"}, """
         look up trip {trip} and take me to where it went
         (find|open) trip {trip} in the log and navigate there[ avoiding {avoid}]
         where did trip {trip} go? bring me there[ via {stops}]
         i want to go where trip {trip} went, look it up
         ~ trip {trip}: look up where it went and guide me there
         """),
    then("get_trip", "set_cruise_control", {"speed": "average"}, """
         look up the average speed of trip {trip} and set the cruise control to it
         how fast was trip {trip}? hold that speed[ with a {distance} distance]
         find trip {trip} in the log and cruise at the same speed
         i want to drive as fast as on trip {trip}, look it up and set the cruise control
         ~ look up how fast trip {trip} was and keep that speed
         """),
    then("book_service", "call_contact", {"contact": "phone"}, """
         book the {work} {date} and call the garage
         (book|order) the {work} {date}[, {loan_car}], then ring the number of the garage
         i need the {work} {date}, book it and get the garage on the phone
         make an appointment for the {work} {date} and phone them
         ~ the {work} is due, book it {date} and give the garage a call
         """),
]
PICKS = [
    pick("find_parking", "navigate_to", "destination", "address", """
         take me to {which}
         (drive|go|navigate) to {which}[ avoiding {avoid}]
         {which} is good, bring me there
         start a route to {which}[ without {avoid}]
         i want to park at {which}, guide me there
         ~ which way is it to {which}[ without {avoid}]
         """),
]
