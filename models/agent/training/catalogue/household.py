"""Tools of a home."""
import words
from tools import pick, then, tool
from values import Array, Choice, Code, Date, Flag, Minutes, Number, PERCENT, PERSON, Quantity, ROOM, TEMPERATURE, Text, Time

DOORS = words.Pool("""front door, back door, garage door, garden gate, cellar door, side door, patio door, main gate, garden shed,
    attic door, balcony door, terrace door, office door, bike shed, driveway gate, porch door, kitchen door, guest entrance,
    tool cabinet, wine cabinet, summer house, side gate, basement door, workshop door""")
PLANTS = words.Pool("""roses, ferns, tulips, orchids, palms, herbs, tomato plants, geraniums, hedges, cacti, lavender bushes, strawberries,
    sunflowers, balcony flowers, lemon trees, vegetable beds, seedlings, violets, lilies, climbing beans,
    dahlias, hydrangeas, pot plants""")
INGREDIENTS = words.Pool("""eggs, rice, pasta, cheese, tomatoes, onions, garlic, potatoes, carrots, spinach, honey, oats, beans, lentils,
    chicken, salmon, tofu, mushrooms, peppers, cucumbers, lemons, cream, ham, leeks, pumpkin, broccoli, peas, zucchini, aubergines,
    cabbage, ginger, coconut milk, chickpeas, tuna, prawns, basil, bacon, feta, apples, walnuts""")
DISHES = words.Joined("{a} {b}", b=words.MEALS, a=words.Pool("""creamy, spicy, roasted, quick, golden, smoky, green, red, sweet, crispy,
    mild, hearty, fresh, baked, summer, winter, country, sour"""))

TOOLS = [
    tool("set_light dim_light adjust_lamp light_level", "level", "Set the brightness of the lights in a room",
         {"room|location|place": (ROOM, "room of the lights"),
          "brightness|level|percent": (PERCENT, "brightness in percent"),
          "fade?|transition?": (Minutes(), "how long the change takes")},
         """
         (turn|set|put) the {room} (light|lights|lamp) to {brightness}[ over {fade}]
         (dim|bring) the (light|lights) in the {room} to {brightness}[ over {fade}]
         (set|change) the brightness in the {room} to {brightness}
         {room} (light|lights) at {brightness}[ over {fade}]
         make the {room} {brightness} bright
         i (want|need) {brightness} (light|brightness) in the {room}
         the (light|lights) in the {room} should be at {brightness}
         can you (dim|turn) the {room} (light|lights|lamp) to {brightness}[ over {fade}]
         ~ (light|lights) in the {room}: {brightness}
         ~ the {room} lamp should be at {brightness}
         ~ over {fade}, bring the {room} (light|lights) to {brightness}
         turn the (light|lights) to {brightness}
         (dim|change) the {room} (light|lights)
         set the brightness to {brightness}
         can you dim the lights in the {room}[ over {fade}]
         ~ put the lamp at {brightness}
         ~ change the brightness in the {room}
         """,
         result={"room": "{room}", "brightness": "{brightness}"}, answer="The lights in the {room} are at {brightness} percent."),
    tool("get_temperature read_temperature room_temperature", "reading", "Read the temperature of a room",
         {"room|location|place": (ROOM, "room to read")},
         """
         how (warm|cold|hot) is it in the {room}[ (right now|now)]
         what is the temperature (in|of) the {room}[ (right now|now)]
         (tell me|read|check|show me) the {room} temperature[, please]
         is it (warm|cold|too hot) in the {room}[ (right now|now)]
         (temperature|degrees) in the {room}
         how many degrees (are there|does it have) in the {room}
         what does the thermometer (in the {room} say|say in the {room})
         i need the temperature (in|of) the {room}
         {room} temperature[, please]
         ~ i want to know how (warm|cold) the {room} is
         ~ check how (hot|cold) it is in the {room}
         ~ how many degrees does the {room} have
         how (warm|cold) is it[ now]
         (read|check) the temperature
         what does the thermometer say
         ~ how many degrees are there
         ~ i need the temperature
         """,
         result={"room": "{room}", "temperature": Number(5, 35, 0.1), "unit": "celsius"},
         answer="It is {temperature} {unit} in the {room}."),
    tool("add_to_list list_add put_on_list", "list", "Add things to a list",
         {"list|list_name": (Choice("shopping:groceries", "todo:to-do|tasks", "wishes:wish"), "which list"),
          "items|things|entries": (Array(Text(words.FOODS)), "what to add")},
         """
         (add|put) {items} (to|on) (the|my) {list} list
         (write|note) [down ]{items} on (the|my) {list} list
         {list} list: {items}
         i (want|need) {items} on (the|my) {list} list
         (the|my) {list} list should have {items} on it
         can you (add|put|write) {items} on (the|my) {list} list
         we are out of {items}, (put|write) (it|that) on (the|my) {list} list
         (enter|add) on (the|my) {list} list: {items}
         ~ please have {items} on the {list} list
         ~ the {list} list: i need {items} on it
         ~ {items}, please put that on my {list} list
         (add|put) {items} on the list
         add something to the {list} list
         we are out of {items}, write it on a list
         i need something on my {list} list
         ~ write {items} on a list
         ~ put something on my {list} list
         """,
         result={"list": "{list}", "added": "{items}"}, answer="I put {added} on the {list} list."),
    tool("set_blinds move_blinds shutter_position", "level", "Move the blinds or shutters of a room",
         {"room|location|window_room": (ROOM, "room of the blinds"),
          "opening|position|open_percent": (PERCENT, "how far open, in percent"),
          "time?|at_time?": (Time(), "when to move them")},
         """
         (set|move) the (blinds|shutters) in the {room} to {opening}[ at {time}]
         (raise|lower) the {room} (blinds|shutters) to {opening}[ at {time}]
         {room} (blinds|shutters) {opening} open[ at {time}]
         i (want|need) the (blinds|shutters) in the {room} {opening} open
         the {room} (blinds|shutters) should be {opening} open[ at {time}]
         can you (open|move) the {room} (blinds|shutters) to {opening}[ at {time}]
         (leave|keep) the blinds in the {room} {opening} open
         pull the (blinds|shutters) in the {room} up to {opening}
         ~ (blinds|shutters) in the {room}: {opening} open
         ~ at {time}, move the {room} blinds to {opening}
         ~ please have the shutters in the {room} {opening} open
         move the (blinds|shutters) to {opening}[ at {time}]
         (move|change) the {room} (blinds|shutters)[ at {time}]
         i want the blinds {opening} open
         ~ the shutters should be {opening} open
         ~ please move the blinds in the {room}
         """,
         result={"room": "{room}", "opening": "{opening}"}, answer="The blinds in the {room} are {opening} percent open.", held=True),
    tool("set_heating heat_room thermostat_set target_temperature", "level", "Set the heating of a room to a temperature",
         {"room|location|place": (ROOM, "room to heat"),
          "temperature|target|degrees": (TEMPERATURE, "wanted temperature"),
          "until?|end_time?": (Time(), "when the heating goes back to normal")},
         """
         (set|turn|change) the heating in the {room} to {temperature}[ until {until}]
         (heat|warm) the {room} to {temperature}[ until {until}]
         (heat|warm) up the {room} to {temperature}[ until {until}]
         i (want|would like|need|wish for) {temperature} in the {room}[ until {until}]
         the {room} (should|has to) be {temperature}[ until {until}]
         {room} heating: {temperature}[ until {until}]
         (keep|have) the {room} at {temperature}[ until {until}]
         can you (heat|warm) the {room} to {temperature}[ until {until}]
         it (should|has to) be {temperature} in the {room}[ until {until}]
         ~ until {until} i want the {room} at {temperature}
         ~ {temperature} for the {room}, please
         ~ please have the {room} heating at {temperature}
         (heat|warm) the {room}[ until {until}]
         set the heating to {temperature}[ until {until}]
         turn up the heating in the {room}
         i would like {temperature} until {until}
         ~ heat up the {room} until {until}
         ~ it should be {temperature}
         """,
         result={"room": "{room}", "target": "{temperature}", "heating": "on"}, answer="The {room} is heated to {target}."),
    tool("set_fan fan_speed run_fan", "mode", "Run the fan of a room at a speed",
         {"room|location|place": (ROOM, "room of the fan"),
          "speed|mode|setting": (Choice("low:low speed|the lowest speed", "medium:medium speed", "high:high speed|full speed"),
                                 "speed of the fan"),
          "duration?|minutes?": (Minutes(), "how long it runs")},
         """
         (set|turn|put) the fan in the {room} to {speed}[ for {duration}]
         run the {room} fan at {speed}[ for {duration}]
         {room} fan (to|at) {speed}[ for {duration}]
         i (want|need) the fan in the {room} at {speed}[ for {duration}]
         the {room} fan (should|has to) (run|turn) at {speed}[ for {duration}]
         can the fan in the {room} (run|turn) at {speed}[ for {duration}]
         (change|switch) the {room} fan to {speed}[ for {duration}]
         (let|have) the {room} fan (run|turn) at {speed}[ for {duration}]
         ~ fan in the {room}: {speed}
         ~ for {duration}, run the fan in the {room} at {speed}
         ~ please have the {room} fan at {speed}
         run the {room} fan[ for {duration}]
         (set|switch) the fan to {speed}[ for {duration}]
         change the fan in the {room}
         i want the fan at {speed}
         ~ the fan should run at {speed}
         ~ let the fan in the {room} run[ for {duration}]
         """,
         result={"room": "{room}", "speed": "{speed}", "running": True}, answer="The fan in the {room} runs at {speed} speed."),
    tool("start_appliance run_program appliance_start", "start", "Start a program of a household appliance",
         {"appliance|device|machine": (Choice("washing_machine:washer", "dishwasher", "dryer:tumble dryer"), "which appliance"),
          "program|cycle": (Choice("eco", "quick:short", "intensive", "delicate:gentle"), "program to run"),
          "delay?|start_in?": (Minutes(), "how long to wait before the start")},
         """
         start the {appliance} (on|with) the {program} program[ in {delay}]
         (run|start) the {program} program (on|of) the {appliance}[ in {delay}]
         (put|set) the {appliance} on {program}[ in {delay}]
         {appliance}, {program} program[, in {delay}]
         i (want|need) the {appliance} to (run|start) on {program}[ in {delay}]
         can you (start|run) the {appliance} with the {program} program[ in {delay}]
         the {appliance} (should|has to) (start|run) on {program}[ in {delay}]
         let the {appliance} run on {program}[ in {delay}]
         ~ {program} program for the {appliance}, please
         ~ in {delay}, run the {appliance} on {program}
         ~ please have the {appliance} run on the {program} program
         start the {appliance}[ in {delay}]
         run the {program} program[ in {delay}]
         can you start the {appliance}
         i need the {appliance} to run
         ~ let the {appliance} start
         ~ the {program} program should start in {delay}
         """,
         result={"appliance": "{appliance}", "program": "{program}", "ends_in": Number(20, 180)},
         answer="The {appliance} runs {program} and ends in {ends_in} minutes."),
    tool("start_vacuum vacuum_rooms robot_clean", "start", "Send the vacuum robot to rooms",
         {"rooms|areas|places": (Array(ROOM), "rooms to clean"),
          "mop?|mopping?": (Flag(["with mopping", "mopping included"], ["without mopping", "no mopping"]), "whether to mop too")},
         """
         vacuum the {rooms}[, {mop}]
         send the (robot|vacuum) to the {rooms}[, {mop}]
         (start|run) the (robot|vacuum) in the {rooms}[, {mop}]
         (have|let) the robot clean the {rooms}[, {mop}]
         i (want|need) the {rooms} vacuumed[, {mop}]
         (can|could) you vacuum the {rooms}[, {mop}]
         vacuum: {rooms}[, {mop}]
         the (robot|vacuum) (should|has to) clean the {rooms}[, {mop}]
         get the {rooms} (vacuumed|cleaned) by the robot[, {mop}]
         it is time to (clean|vacuum) the {rooms}[, {mop}]
         ~ let the vacuum do the {rooms}
         ~ robot to the {rooms}[, {mop}]
         ~ please get the {rooms} vacuumed, {mop}
         (start|send) the (robot|vacuum)
         i want the floor vacuumed[, {mop}]
         can you vacuum[, {mop}]
         the robot should do the floor
         ~ let the robot clean the floor, {mop}
         ~ it is time to vacuum
         """,
         result={"rooms": "{rooms}", "minutes": Number(5, 90)}, answer="The robot cleans the {rooms}, which takes {minutes} minutes."),
    tool("set_house_alarm arm_alarm security_mode", "mode", "Arm the alarm system of the house in a mode",
         {"mode|state": (Choice("home", "away", "night"), "how the alarm is armed"),
          "code|pin": (Code("####"), "secret code of four digits"),
          "delay?|exit_delay?": (Minutes(), "how long to wait before arming")},
         """
         arm the (alarm|security system) in {mode} mode with (code|pin) {code}[ in {delay}]
         (set|change) the alarm to {mode} with (code|pin) {code}[ in {delay}]
         put the (alarm|security system) on {mode}, (code|pin) {code}
         alarm {mode}, (code|pin) {code}[, in {delay}]
         the (code|pin) is {code}, arm the (alarm|house) in {mode} mode[ in {delay}]
         i (want|need) the alarm on {mode}, my (code|pin) is {code}
         (switch|change) the security system to {mode} mode with code {code}
         can you secure the house in {mode} mode with (code|pin) {code}
         ~ {code} is my pin, set the alarm to {mode}
         ~ security system: {mode} mode, code {code}
         ~ in {delay}, arm the house in {mode} mode with code {code}
         arm the (alarm|house) with (code|pin) {code}[ in {delay}]
         arm the (alarm|house) in {mode} mode[ in {delay}]
         my (code|pin) is {code}, set the alarm
         change the security system to {mode}
         ~ security system on {mode}, in {delay}
         ~ can you secure the house, my code is {code}
         """,
         result={"mode": "{mode}", "armed": True, "sensors": Number(3, 24)},
         answer="The alarm is armed in {mode} mode with {sensors} sensors.", held=True),
    tool("lock_door door_lock set_lock", "lock", "Lock or unlock a door",
         {"door|entrance|gate": (Text(DOORS), "which door"),
          "action|command": (Choice("lock", "unlock"), "lock or unlock"),
          "duration?|minutes?": (Minutes(), "for how long")},
         """
         {action} the {door}[ for {duration}]
         (please|go and) {action} the {door}[ for {duration}]
         (can|could) you {action} the {door}[ (right now|for {duration})]
         i (want|need|have) to {action} the {door}[ for {duration}]
         i (want|need) you to {action} the {door}[ (right now|for {duration})]
         {door}: {action}[ (right now|for {duration})]
         (make sure|do not forget) to {action} the {door}[ for {duration}]
         it is time to {action} the {door}[ for {duration}]
         {action} the {door} (now|right now|please)
         (let me|let us) {action} the {door}[ for {duration}]
         ~ for {duration}, {action} the {door}
         ~ the {door}, {action} it
         ~ i would like to {action} the {door}[ for {duration}]
         {action} the door[ for {duration}]
         can you {action} it
         please do something about the lock of the {door}
         i have to {action} a door
         ~ {action} it[ for {duration}]
         ~ please change the lock of the {door}
         """,
         result={"door": "{door}", "done": "{action}", "battery": Number(10, 100)},
         answer="Done: {done} {door}. The battery of the lock is at {battery} percent."),
    tool("start_timer set_timer countdown kitchen_timer", "timer", "Start a timer",
         {"duration|minutes|length": (Minutes(), "how long the timer runs"),
          "label?|name?|note?": (Text(words.MEALS), "what the timer is for")},
         """
         (set|start) a timer (for|of) {duration}[ for the {label}]
         (set|start|make) a {label} timer (for|of) {duration}
         timer[:] {duration}[ for the {label}]
         i (want|need) a timer (for|of) {duration}[ for the {label}]
         count down {duration}[ for the {label}]
         tell me when {duration} have passed[ for the {label}]
         (cook|heat) the {label} for {duration} with a timer
         (let|have) the timer run for {duration}[ for the {label}]
         can you (set|start) a timer (for|of) {duration}[ for the {label}]
         ~ please start a {label} timer, {duration}
         ~ timer for {duration}, please
         ~ i want the timer to run for {duration}
         (set|start) a timer[ for the {label}]
         i need a {label} timer
         can you count down[ for the {label}]
         tell me when the time has passed
         ~ please let a timer run
         ~ timer for the {label}, please
         """,
         result={"timer": Code("T##"), "duration": "{duration}"}, answer="Timer {timer} runs for {duration} minutes."),
    tool("set_reminder remind_me create_reminder", "schedule", "Remind the user of a task",
         {"task|what|text": (Text(words.ERRANDS), "what to remind of"),
          "date|day": (Date(), "day of the reminder"),
          "time?|at?": (Time(), "time of day")},
         """
         remind me {date}[ at {time}] to {task}
         (set|add|create) a reminder {date}[ at {time}](:| to) {task}
         reminder {date}[ at {time}]: {task}
         i (need|want) to be reminded {date}[ at {time}] to {task}
         {date}[ at {time}] i (have|need) to {task}, (remind me|set a reminder)
         can you remind me {date}[ at {time}] that i (have|need) to {task}
         (never|do not) let me forget {date}[ at {time}]: {task}
         i must not forget {date}[ at {time}]: {task}
         i have to {task} {date}[ at {time}], please remind me
         ~ {date}[ at {time}], remind me to {task}
         ~ please create a reminder to {task} {date}[ at {time}]
         ~ do not let me forget to {task} {date}
         remind me to {task}
         set a reminder {date}[ at {time}]
         can you remind me {date}[ at {time}]
         i have to {task}, remind me
         do not let me forget to {task}
         ~ please create a reminder {date}[ at {time}]
         ~ i want to be reminded to {task}
         """,
         result={"task": "{task}", "date": "{date}", "id": Code("R##")}, answer="Reminder {id} is set for {date}: {task}."),
    tool("add_event calendar_add create_appointment plan_event", "schedule", "Put an appointment in the calendar",
         {"title|event|subject": (Text(words.TITLES), "what the appointment is"),
          "date|day": (Date(), "day of the appointment"),
          "time|start|start_time": (Time(), "when it starts"),
          "guests?|people?|attendees?": (Array(Text(words.FIRST_NAMES)), "who else comes"),
          "duration?|minutes?": (Minutes(), "how long it takes")},
         """
         (put|enter) a {title} in (the|my) calendar {date} at {time}[ for {duration}][ with {guests}]
         (plan|schedule) a {title} {date} at {time}[ for {duration}][ with {guests}]
         {title} {date} at {time}[ for {duration}], (put|enter) it in the calendar
         calendar: {title}, {date} at {time}[ for {duration}][ with {guests}]
         i have a {title} {date} at {time}, (put|add) it in my calendar
         there is a {title} {date} at {time}[ with {guests}], add it to the calendar
         (make|create) a calendar entry {date} at {time}[ for {duration}]: {title}
         can you (plan|schedule) a {title} with {guests} {date} at {time}
         ~ {date} at {time} there is a {title}, put it in my calendar
         ~ calendar entry: {title} with {guests}, {date} at {time}
         ~ i want a {title} in my calendar {date} at {time}[ for {duration}]
         (put|enter) a {title} in the calendar {date}
         (plan|schedule) a {title}[ with {guests}]
         put something in my calendar {date} at {time}[ for {duration}]
         can you schedule a {title} at {time}
         make a calendar entry {date} at {time}
         ~ i have a {title} {date}, add it to my calendar
         ~ i have a {title} at {time}, put it in the calendar
         """,
         result={"title": "{title}", "date": "{date}", "time": "{time}", "id": Code("E###")},
         answer="The {title} is in the calendar for {date} at {time}, entry {id}."),
    tool("play_music play_artist start_music", "media", "Play music by an artist",
         {"artist|band|musician": (Text(words.ARTISTS), "whose music"),
          "room?|speaker?|location?": (ROOM, "room to play it in"),
          "volume?|loudness?": (PERCENT, "volume in percent")},
         """
         play (songs|music|something) by {artist}[ in the {room}][ at {volume} volume]
         put on (songs|music) by {artist}[ in the {room}]
         i (want|would like) to (hear|listen to) {artist}[ in the {room}]
         let us hear {artist}[ in the {room}][ at {volume} volume]
         music[:] {artist}[, {volume} volume]
         can you play {artist}[ in the {room}][ at {volume} volume]
         i would like (songs|music) by {artist}[ in the {room}]
         start the music by {artist}[ in the {room}]
         ~ songs by {artist} in the {room}, please
         ~ let me listen to {artist}[ in the {room}]
         ~ please put {artist} on at {volume} volume
         play (music|something)[ in the {room}]
         i want to (hear|listen to) music[ in the {room}]
         put on a song[ in the {room}][ at {volume} volume]
         can you play something at {volume} volume
         ~ let me hear something in the {room}
         ~ start the music[ at {volume} volume]
         """,
         result={"artist": "{artist}", "playing": True, "songs": Number(3, 60)}, answer="Now playing {songs} songs by {artist}."),
    tool("find_recipes search_recipes recipe_search", "search", "Find recipes that use some ingredients",
         {"ingredients|with|foods": (Array(Text(INGREDIENTS)), "what to cook with"),
          "max_minutes?|time_limit?": (Minutes(), "how long cooking may take at most"),
          "vegetarian?|meatless?": (Flag(["without meat", "no meat"], ["meat is fine", "meat is allowed"]),
                                       "whether only recipes without meat")},
         """
         (find|search) (recipes|dishes) with {ingredients}[ in under {max_minutes}][, {vegetarian}]
         what can i cook (with|from) {ingredients}[ in under {max_minutes}][, {vegetarian}]
         (which|what) (recipes|dishes) use {ingredients}[, {vegetarian}]
         i have {ingredients}, what can i (cook|make)[ in under {max_minutes}]
         recipes: {ingredients}[, {vegetarian}]
         i am looking for (recipes|dishes) with {ingredients}[, {vegetarian}]
         find me something to cook with {ingredients}[ in under {max_minutes}]
         show me (recipes|dishes) that use {ingredients}
         ~ show me what i can cook with {ingredients}[ in under {max_minutes}]
         ~ which dishes can i make from {ingredients}
         ~ i want to cook with {ingredients}, {vegetarian}
         find recipes[ in under {max_minutes}][, {vegetarian}]
         what can i cook[ in under {max_minutes}][, {vegetarian}]
         i am looking for something to cook
         show me some dishes[, {vegetarian}]
         ~ find me something to cook in under {max_minutes}
         ~ which dishes can i make[, {vegetarian}]
         """,
         items={"id": Code("R-###"), "title": Text(DISHES), "minutes": Number(10, 90)}),
    tool("open_recipe show_recipe read_recipe", "lookup", "Show one recipe",
         {"recipe|recipe_id|id": (Code("R-###"), "number of the recipe"),
          "servings?|people?|portions?": (Number(1, 12, unit=("servings", "people", "persons")), "for how many people")},
         """
         (open|show|read) recipe {recipe}[ for {servings}]
         (let me see|show me|bring up) recipe {recipe}[ for {servings}]
         how do i (cook|make) recipe {recipe}[ for {servings}]
         recipe {recipe}[ for {servings}], please
         i (want|would like) to (cook|see|make) recipe {recipe}[ for {servings}]
         (give|tell) me the steps of recipe {recipe}[ for {servings}]
         what do i need to (cook|make) recipe {recipe}[ for {servings}]
         can you open recipe {recipe}[ for {servings}]
         ~ please bring up {recipe}, the recipe for {servings}
         ~ please read me the steps of recipe {recipe}
         ~ {recipe}: how do i cook it
         open the recipe[ for {servings}]
         (read|give) me the steps
         let me see the recipe[ for {servings}]
         how do i cook it[ for {servings}]
         ~ bring up the recipe for {servings}, please
         ~ please tell me the steps
         """,
         result={"recipe": "{recipe}", "title": Text(DISHES), "minutes": Number(10, 90)},
         answer="Recipe {recipe} is {title} and takes {minutes} minutes."),
    tool("get_weather weather_forecast check_weather", "lookup", "Look up the weather of a town",
         {"town|city|place": (Text(words.TOWNS), "where"),
          "date?|day?": (Date(), "which day")},
         """
         what is the weather (like|going to be) in {town}[ {date}]
         will it (rain|snow|be sunny) in {town}[ {date}]
         weather (for|in) {town}[ {date}]
         how (warm|cold|windy) will it be in {town}[ {date}]
         (check|tell me|show me) the (weather|forecast) for {town}[ {date}]
         do i need an umbrella in {town}[ {date}]
         i am going to {town}[ {date}], what is the weather like
         (i want|i need|i would like) the forecast for {town}[ {date}]
         ~ {date} in {town}: will it be (windy|sunny)
         ~ i am going to {town} {date}, will it rain
         ~ forecast, {town}[ {date}]
         what is the weather (like|going to be)[ {date}]
         will it (rain|snow)[ {date}]
         (check|show me) the forecast[ {date}]
         do i need an umbrella[ {date}]
         ~ how windy will it be[ {date}]
         ~ i need the forecast[ {date}]
         """,
         result={"town": "{town}", "sky": Choice("sunny", "cloudy", "rainy", "snowy", "windy"), "high": Number(-10, 38),
                 "wind": Number(0, 90)},
         answer="It is {sky} in {town}, up to {high} degrees, with wind of {wind} km/h."),
    tool("send_message text_person write_message", "message", "Send a message to somebody",
         {"recipient|to|contact": (PERSON, "name or number of who gets it"),
          "text|message|content": (Text(words.MESSAGES), "what to write"),
          "channel?|via?": (Choice("sms:text", "email:mail", "chat"), "way to send it")},
         """
         tell {recipient}[ by {channel}]: {text}
         (send|write) {recipient} a message[ by {channel}]: {text}
         (text|message|answer) {recipient}: {text}
         (send|write|reply) to {recipient}[ by {channel}]: {text}
         let {recipient} know[ by {channel}]: {text}
         message (for|to) {recipient}[ by {channel}]: {text}
         i (want|have|need) to (tell|write) {recipient}[ by {channel}]: {text}
         can you (send|write) {recipient} a message[ by {channel}]: {text}
         {recipient} (should|has to) know[ by {channel}]: {text}
         ~ please let {recipient} know by {channel}: {text}
         ~ i have a message for {recipient}: {text}
         ~ can you tell {recipient}[ by {channel}]: {text}
         (send|write) {recipient} a message[ by {channel}]
         tell {recipient} something[ by {channel}]
         send a message[ by {channel}]: {text}
         i have to write to {recipient}
         write a message by {channel}
         ~ i have a message for {recipient}
         ~ i want to send by {channel}: {text}
         """,
         result={"recipient": "{recipient}", "sent": True, "at": Time()}, answer="The message to {recipient} was sent at {at}."),
    tool("find_contact lookup_number phone_book", "lookup", "Look up the phone number of somebody in the contacts",
         {"name|person|contact": (PERSON, "whose number"),
          "line?|phone?|number_type?": (Choice("mobile:cell", "home:private", "work:office"), "which of the numbers")},
         """
         (find|look up) the [{line} ](phone number|number) of {name}
         what is the [{line} ](phone number|number) of {name}
         (give|tell|show) me the [{line} ](phone number|number) of {name}
         i need the [{line} ](phone number|number) of {name}
         {name}, [{line} ](phone number|number)
         do you (know|have) the [{line} ]number of {name}
         (find|look up) {name} in my (contacts|phone book)
         (which|what) phone number does {name} have
         ~ look in my contacts for the [{line} ]number of {name}
         ~ which {line} number does {name} have
         ~ i want to know the phone number of {name}
         what is the [{line} ]phone number
         (find|look up) a [{line} ]number in my contacts
         (give|tell) me the [{line} ]number
         do you know the {line} number
         ~ some[ {line}] phone number is what i need
         ~ look up something in my contacts
         """,
         result={"name": "{name}", "number": Code("0### ######|0## #######")}, answer="The number of {name} is {number}."),
    tool("water_plants irrigate plant_watering", "start", "Pour an amount of water on plants that are dry or need it",
         {"plants|plant|bed": (Text(PLANTS), "which plants"),
          "amount|water|volume": (Quantity(litres=(0.5, 20, 0.5, ("litres", "l")), millilitres=(50, 900, 50, ("millilitres", "ml"))),
                                  "how much"),
          "time?|start_time?": (Time(), "when to start")},
         """
         water the {plants} with {amount}[ at {time}]
         (give|get) the {plants} {amount} of water[ at {time}]
         the {plants} (need|should get) {amount}[ of water][ at {time}]
         water for the {plants}: {amount}[ at {time}]
         i want the {plants} (to get|watered with) {amount}[ at {time}]
         (pour|put) {amount}[ of water] on the {plants}[ at {time}]
         (can|could) you (water|sprinkle) the {plants} with {amount}[ at {time}]
         start (watering|sprinkling) the {plants} with {amount}[ at {time}]
         the {plants} are dry, give them {amount}[ of water]
         ~ {amount} of water for the {plants}, please
         ~ at {time}, water the {plants} with {amount}
         ~ please pour {amount} on the {plants}
         water the {plants}[ at {time}]
         give the plants {amount} of water
         the {plants} (need water|are dry)
         start watering at {time}
         ~ water for the {plants}, please
         ~ please pour {amount} of water on the plants
         """,
         result={"plants": "{plants}", "used": "{amount}", "tank": Number(5, 100)},
         answer="The {plants} get {used} of water; the tank is at {tank} percent.", held=True),
]
SEQUENCES = [
    then("find_contact", "send_message", {"recipient": "number"}, """
         (find|look up) the number of {name} and send it a message: {text}
         look up {name} in my contacts and write to that number: {text}
         i need the number of {name}, then text it: {text}
         get the [{line} ]number of {name} and send this to it: {text}
         ~ what is the number of {name}? write to it: {text}
         """),
    then("open_recipe", "start_timer", {"duration": "minutes"}, """
         open recipe {recipe} and set a timer for it
         show me recipe {recipe}[ for {servings}] and start a timer for the cooking time
         i want to cook recipe {recipe}, set a timer for as long as it takes
         bring up recipe {recipe} and count down the time it takes
         ~ recipe {recipe}, please, and start a timer for as long as it takes
         """),
]
PICKS = [
    pick("find_recipes", "open_recipe", "recipe", "id", """
         open {which}[ for {servings}]
         show me {which}[, please]
         (let me see|bring up) {which}[ for {servings}]
         i (want|would like) to (cook|make) {which}
         {which} sounds good, how do i cook it
         ~ how do i make {which}[ for {servings}]
         """),
]
