# The example brand's texts.

dialog-opening = our opening hours
dialog-open-now = whether we are open
dialog-area = where we come to
dialog-book-visit = booking a visit
    .offer = Book a visit
dialog-my-visit = your visit
dialog-cancel-visit = cancelling a visit
dialog-newcomer = a first visit
dialog-damage = damage

opening-hours = We work { $brand-hours }.
opening-offer-area = Do you come to me?
opening-yes = Yes, somebody is here now.
opening-no = Not now. We work { $brand-hours }.

area-ask = What is your postcode?
    .hint = That doesn't look like a postcode. LS1 4AP is one.
area-ours = Yes, we come to { $code }.
area-not-ours = Sorry, { $code } is too far for us.

book-none = We have no free day just now.
book-which = Which day?
book-slot = { DATE($day, style: "weekday") }, { MONEY($price) }
book-confirm = Book { DATE($slot-day) } for { MONEY($slot-price) }?
    .yes = Yes, book it
    .no = No
book-left = All right, nothing is booked.
book-taken = Somebody has just taken { DATE($day) }. Let's look again.
book-done = Booked for { DATE($visit-day) }. Your reference is { $visit-id }.

visit-none = You have no visit booked.
visit-offer-book = Book a visit

cancel-confirm = Cancel the visit on { DATE($visit-day) }?
    .yes = Yes, cancel it
    .no = No
cancel-kept = All right, we'll come.
action-cancel-visit = Cancel your visit on { DATE($visit-day) }
cancel-done = The visit on { DATE($visit-day) } is cancelled.

damage-ask = I'm sorry. What happened, in your own words?
damage-returned = I'm back. Is there anything else?
