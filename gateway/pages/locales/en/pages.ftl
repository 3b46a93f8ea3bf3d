# Texts of the pages.

# The frame of every page.
site-name = Talon
site-tagline = Electronic queue
site-language-name = English
site-skip = Skip to content
site-menu = Menu
site-tickets = My tickets
site-log-in = Log in
site-log-out = Log out
site-appearance = How the page looks
site-smaller = Smaller letters
site-larger = Larger letters
site-high-contrast = High contrast
site-colours = Usual colours
site-trail = Your choice
site-change = change
site-step = Step { $step } of 5
site-demo = Demonstration: people are made up, bookings are not real.
site-foot = A ticket is personal: it cannot be passed on or sold. The limits are the same for everybody.

# Dates, times, zones.
date-weekday-1 = Monday
date-weekday-2 = Tuesday
date-weekday-3 = Wednesday
date-weekday-4 = Thursday
date-weekday-5 = Friday
date-weekday-6 = Saturday
date-weekday-7 = Sunday
date-weekday-short-1 = Mon
date-weekday-short-2 = Tue
date-weekday-short-3 = Wed
date-weekday-short-4 = Thu
date-weekday-short-5 = Fri
date-weekday-short-6 = Sat
date-weekday-short-7 = Sun
date-month-title-1 = January
date-month-title-2 = February
date-month-title-3 = March
date-month-title-4 = April
date-month-title-5 = May
date-month-title-6 = June
date-month-title-7 = July
date-month-title-8 = August
date-month-title-9 = September
date-month-title-10 = October
date-month-title-11 = November
date-month-title-12 = December
date-month-1 = January
date-month-2 = February
date-month-3 = March
date-month-4 = April
date-month-5 = May
date-month-6 = June
date-month-7 = July
date-month-8 = August
date-month-9 = September
date-month-10 = October
date-month-11 = November
date-month-12 = December
date-day-month = { $day } { $month }
date-day-month-year = { $day } { $month } { $year }
date-full = { $weekday }, { $day } { $month } { $year }
date-moment = { $date } at { $time }
zone-home = Kyiv time ({ $offset })
zone-other = local time of the office ({ $zone }, { $offset })
zone-note = All times here are { $zone }.

# The start: services.
front-title = Book a visit
front-lead = Choose a service, an office and a time. Each place goes to one person: the one who comes.
front-log-in = Everybody can see what is free. To book, you need electronic identification.
front-logged-in = You are logged in. Your bookings are here:
front-authorities = Where are you going?
authority-others = Other authorities
front-services = What do you need?
front-minutes = { $minutes ->
    [one] { $minutes } minute
   *[other] { $minutes } minutes
}
front-opens = { $days ->
    [one] New dates daily at { $time }, { $days } day ahead
   *[other] New dates daily at { $time }, { $days } days ahead
}

# Offices.
offices-title = Choose an office
offices-jump = Straight to the offices
offices-search = Town, street or office number
offices-find = Find
offices-first = first place: { $date }
offices-none-free = no free places
offices-show-all = Show all
offices-count = { $count ->
    [one] { $count } office
   *[other] { $count } offices
}
offices-match = { $count ->
    [0] Nothing was found.
    [one] { $count } office was found.
   *[other] { $count } offices were found.
}
offices-found = { $count ->
    [0] No office offers this service yet.
    [one] { $count } office offers this service.
   *[other] { $count } offices offer this service.
}

# What people have to know before they come.
about-title = Before you book
about-test-mode = Test mode
about-test-mode-explained = Online booking of this service works in test mode, and only at some offices.
about-no-booking = You do not need to book for this:
about-who = Who may book
about-documents = Bring with you
about-fee = Fee
about-free = free of charge
about-hryvnias = { $amount } UAH
about-legal-basis = Legal basis
about-phones = Help by telephone
about-questions = Questions and answers
about-more-questions = More questions and answers about booking
about-alternatives = Where else to go
about-office-phones = Telephone of the office:
about-closed = Closed from { $from } to { $to }: { $reason }
about-limited = Shorter hours from { $from } to { $to }: { $reason }

# Days.
days-title = Choose a day
days-first = The first free place is on { $date }.
days-all-taken = This office has no free places now.
days-nearby = Free nearby
days-announced = Opening soon
days-legend = The number under a date is how many places are free; 0: no places; …: booking for this day has not opened yet.
days-none = This office has no days for this service yet.
days-free = { $free ->
    [0] no places
    [one] { $free } place
   *[other] { $free } places
}
days-opens = Opens on { $moment }
days-opens-late = Opens late: on { $moment }
days-opens-unknown = It is not known yet when booking opens

# Times.
times-title = Choose a time
times-none = There are no places on this day
times-none-explained = A place that somebody gives up does not come back at once, but a little later. Look at other days or other offices.
times-reload = Reload

# A release.
release-left = Booking opens in
release-clock = By the server’s clock. There is no need to reload the page.
release-opened = Booking is open.
release-minutes = Booking opens in [n] min.
release-seconds = Booking opens in [n] s.
release-wishes = Which times suit you?
release-wishes-explained = Tick from one to sixteen. When booking opens, we take the first of them that is free. Tick none, and we take any.
release-prepare = Prepare
release-later = A day before the opening you can choose times here and prepare.
ready-title = All is ready, waiting for the opening
ready-title-out = Log in ahead
ready-title-open = Booking is open
ready-wishes = Your wishes
ready-any = Any free time of this day, from the earliest on.
ready-order = We take the first free time in this order:
ready-earlier = move up
ready-without = remove
ready-left = Free times on this day: [n].
ready-free = free
ready-taken = taken
ready-how = You may press now: your request is sent by itself at the moment when booking opens. There is no need for a quick finger.
ready-log-in = To book in the first seconds, log in now. After the login you come back here with the same wishes.
ready-change = Choose other times

# Confirming.
confirm-what = What you confirm
confirm-title = Check and confirm
confirm-cancel-until = You will be able to cancel until { $moment }.
confirm-book = Book
confirm-for = Who is this visit for?
confirm-for-person = For myself
confirm-for-entity = For my organisation
confirm-moved-from = You are moving the booking
confirm-move = Move the booking
confirm-move-explained = The old place goes to others at the same moment, and you cannot get it back.
confirm-log-in = To book, confirm who you are. After the login you come back here; until you confirm, the place is not yours.
confirm-log-in-button = Log in and continue

# The form that takes a place.
claim-waiting = Your request will be sent as soon as the puzzle is solved. Keep this page open.
claim-sending = Sending your request…
claim-again = No answer yet, sending it again. You will not be booked twice.
claim-lost = There is no connection. Check it and press again: you will not be booked twice.
claim-armed = Noted. Your request will be sent by itself as soon as booking opens. Keep this page open and the screen on.
claim-session = Your login lasts until { $moment }.
claim-extend = Extend the login
claim-ending = Your login ends in two minutes. Extend it: everything you chose stays.
claim-ends-too-early = Your login ends before booking opens. Extend it shortly before: everything you chose stays.
claim-promised = Please wait. You can book from { $moment } on, for half an hour. Until you do, the place is not yours. Keep this page open, and then press the button.
claim-promised-now = You can book without the puzzle until { $moment }. Until you do, the place is not yours.

# The check that the device solves.
proof-working = Your device is solving a puzzle against bots…
proof-ready = Ready: the puzzle is solved.
proof-failed = The puzzle could not be solved. Reload the page.
proof-unable = This browser cannot solve the puzzle.
proof-estimate = On this device it usually takes about [n] s.
proof-why = It slows down programs that grab places. It does not decide who comes first.
proof-unable-notice = To book, your browser has to solve a puzzle against bots. This browser does not: it is too old, or JavaScript is switched off.
proof-other-ways = Open this page in another browser, book at the office, or call:
proof-slow-lane = Book without the puzzle in { $minutes ->
    [one] { $minutes } minute
   *[other] { $minutes } minutes
}
proof-slow-lane-explained = Or wait instead of solving it. Waiting gives you { $tries ->
    [one] { $tries } try
   *[other] { $tries } tries
} a day.

# A ticket.
ticket-label = Ticket
ticket-number = Ticket No.
ticket-service = Service
ticket-office = Where
ticket-date = Date
ticket-time = Time
ticket-lasts = Takes
ticket-state-ahead = Valid
ticket-state-over = Visit is over
ticket-state-cancelled = Cancelled
ticket-state-moved = Moved
ticket-state-missed = Missed
ticket-outcome-ahead = You are booked
ticket-outcome-over = The visit is over
ticket-outcome-cancelled = The booking is cancelled
ticket-outcome-moved = The booking was moved to another time
ticket-outcome-moved-here = Your booking was moved
ticket-outcome-missed = You missed the visit
ticket-cancel-until = You can cancel until { $moment }.
ticket-cancel-was-until = You could cancel until { $moment }.
ticket-for = For whom
ticket-for-entity = For your organisation
ticket-move = Move to another time
ticket-move-until = You can move the booking to another time until { $moment }.
ticket-move-was-until = You could move the booking until { $moment }.
ticket-cancel = Cancel the booking
ticket-cancel-explained = The place goes to others, and you cannot get it back.
ticket-cancel-counts = A cancelled booking still counts towards your limit.
ticket-cancelled-explained = The place goes to others.
ticket-cancel-confirm = Yes, cancel it
ticket-all = All my tickets
ticket-change = If your plans change
ticket-qr = QR code of ticket
ticket-qr-explained = Show the code at the office. It holds the ticket’s number only, nothing about you.
ticket-calendar = Add to a calendar
ticket-print = Print
ticket-checks = Tick what you have gathered. The ticks are not kept anywhere.
ticket-calendar-summary = { $service }, ticket { $number }
ticket-calendar-when = { $time } { $zone }.
ticket-again = Book again

# Moving a booking.
move-note = You are choosing another time for ticket { $number }. Until you confirm, it stays as it is.

# My tickets.
tickets-count = { $count ->
    [one] { $count } ticket
   *[other] { $count } tickets
}
tickets-offline = There is no connection. This is a copy saved on this device: the ticket may have changed.
device-title = Tickets without a connection
device-explained = You can save your tickets on this device, to show them without the internet. Whoever opens this browser sees what is saved, even without a login, so do not do it on somebody else’s device. When you log out, it is erased.
device-save = Save on this device
device-forget = Erase from this device
device-saved = Saved. The tickets open here without a connection too.
device-forgotten = Erased from this device.
device-failed = They could not be saved: the browser does not allow it.
tickets-ahead = Ahead of you
tickets-none = You have no valid bookings.
tickets-new = Book a visit
tickets-past = Past and cancelled

# Refusals, in words for people.
problem-left = Still free on this day
problem-try-again = Try again
problem-open-form = Open the form again
problem-other-days = Other days
problem-other-offices = Other offices
problem-to-start = To the start
problem-to-ticket = To the ticket
problem-request-id = Reference for support
problem-nothing-left = No places are left on this day
problem-wishes-taken = Your times are taken, but there are others
problem-slow-lane-early = You can book without the puzzle from { $moment } on.
problem-form-is-old = This form is out of date. Open it again: you will not be booked twice.
problem-pow-required = Your browser has not solved the puzzle against bots. Open the form again and wait until it says “Ready”. It needs JavaScript.
problem-pow-again = The puzzle's solution is no longer good. Open the form again: your browser will solve a new one.
problem-tries-used = You have used your { $tries ->
    [one] { $tries } try
   *[other] { $tries } tries
} without the puzzle for today. Come back tomorrow, use another browser, or call the office.
problem-overloaded = Try again in a few seconds. If you are booked already, you will not be booked twice.
problem-unavailable = Send the same form again: if you are booked already, you will see the booking, and not be booked twice.
problem-unknown-place = The address has a mistake, or this office no longer offers this service.
problem-already-booked = You can have one valid booking for each service. Cancel it, or wait until the visit is over.
problem-blocked-for-absence = You missed { $count ->
    [one] { $count } visit
   *[other] { $count } visits
} without cancelling. Online booking is blocked until an office unblocks you in person.
problem-retake-too-soon = After a failed attempt you have to wait. You can book a visit from { $moment }.
problem-too-late-to-cancel = You could cancel until { $moment }.
problem-too-late-to-move = You could move the booking until { $moment }.
problem-quota-month-of-registration = You can book online at most { $limit ->
    [one] { $limit } time
   *[other] { $limit } times
} in a calendar month. This month you already have { $count }.
problem-quota-month-of-visit = You can have at most { $limit ->
    [one] { $limit } online booking
   *[other] { $limit } online bookings
} for one calendar month. For this month you already have { $count }.
problem-quota-day-of-registration = You can book online at most { $limit ->
    [one] { $limit } time
   *[other] { $limit } times
} in a day. Today you already have { $count }.
problem-quota-day-of-visit = You can have at most { $limit ->
    [one] { $limit } online booking
   *[other] { $limit } online bookings
} for one day. For this day you already have { $count }.
problem-quota-cancelled-count = Cancelled ones count too.
problem-quota-resets = You can book again from { $moment }.

# The page on which a person agrees that an app may book for them.
app-title = “{ $app }” wants to book for you
app-lead = You log in with electronic identification, here and not in the app. Then the app may see, make, move and cancel your bookings until the login ends, and nothing more than you may on this site.
app-only-if = Go on only if you have just opened this app yourself.
app-agree = Log in for the app
app-decline = Do not allow it
