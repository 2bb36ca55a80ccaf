# What Hearth Energy says. The first two replace Parley's own words.

greet = Hello from Hearth Energy. I'm an automated assistant, and I take meter readings.

help = I take meter readings, and I can tell you what was done for you here. For anything else I can get you a person.


dialog-submit-reading = your meter reading
    .offer = Send a meter reading

reading-no-meter = There is no meter on your account that I can take a reading for.

reading-ask = What does the meter say? Only the five black digits, please.
    .hint = That isn't five digits. 04821 is an example.

reading-confirm = Record { $value } for meter { $meter-id }? The last reading was { $meter-last }.
    .yes = Yes, record it
    .no = No

reading-kept = All right, nothing is recorded.

reading-below = The last reading was { $last }, so this one can't be lower. Nothing is recorded.

reading-done = Recorded: { $taken-value }. Your reference is { $taken-reference }.

receipt-Meters-submit = a reading of { $result-value } was recorded
