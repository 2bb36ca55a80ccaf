# What the assistant says, in plain British English. Edit the words freely; keep what stands in { braces }.
#
#   { $bill-total }                     a value that the dialog fills in
#   { MONEY($pence) }                   £31.00
#   { DATE($day) }                      30 November (with the year if it is not this one); style: "short" gives 30 Nov
#   { MONTH($month) }                   October
#   { $brand-name } { $brand-phone } { $brand-hours }    from the brand's own settings, in every text
#   { $x -> [a] … *[b] … }              one wording or another; the one with * is used when nothing else fits
#   .yes and .no below a text           its two buttons. For a change to an account, .yes is also the exact phrase to type.
#   .offer                              the button that opens a dialog


## What each dialog is called ("Back to your bill.", "Did you mean …?"), and the button that opens it

dialog-bill = your bill
    .offer = See my bill
dialog-cancel-direct-debit = cancelling a Direct Debit
    .offer = Cancel a Direct Debit
dialog-balance = your balance
    .offer = Check my balance
dialog-receipts = what was done for you
    .offer = What was done for me
dialog-greet = hello
    .offer = Say hello
dialog-help = what I can do
    .offer = What can you do?
dialog-thanks = thanks
    .offer = Say thanks
dialog-goodbye = goodbye
    .offer = Say goodbye
dialog-link-account = signing in
    .offer = Sign in
dialog-unlink = unlinking this chat
    .offer = Unlink this chat
dialog-online-account = getting an online account
    .offer = I have no online account
dialog-stop = stopping
    .offer = Stop
dialog-fallback = what you need
    .offer = Something else
dialog-human = talking to a person
    .offer = Talk to a person
dialog-leave-message = leaving a message
    .offer = Leave a message
dialog-call-me = a call back
    .offer = Call me
dialog-report-fault = reporting a fault
    .offer = Report a fault
dialog-dispute-charge = a charge you question
    .offer = Question a charge
dialog-cannot-pay = trouble paying
    .offer = I can't pay
dialog-bereavement = a death
    .offer = Tell you about a death
dialog-complaint = a complaint
    .offer = Make a complaint
dialog-pay-bill = paying a bill
    .offer = Pay my bill
dialog-danger = an emergency
    .offer = It's an emergency
dialog-leave-network = leaving, or keeping your number
    .offer = Leave or switch


## Hello, thanks, goodbye, help

greet = Hello. I'm { $brand-name }'s automated assistant. What can I do for you?

thanks = You're welcome. Is there anything else?

goodbye = Goodbye. You can write here again at any time.

help =
    I'm { $brand-name }'s automated assistant, not a person. I can show and explain your bill, check a pay-as-you-go balance, cancel a Direct Debit, and tell you what was done for you here.
    For anything else I can get you a person. Say “person” at any time, or “stop” to leave what we are doing.


## When a message was not understood. The buttons below "which" are the closest things we can do.

fallback-which = I'm not sure I understood. Did you mean this?

fallback-none = I didn't understand that. It may be something I can't do here. Try other words, or ask for a person.


## Signing in, and having no online account yet

link-account-done = Ask me about your bill, your balance or your Direct Debits.

online-account-how =
    I need you to sign in before I can look at an account here, and that takes an online account.
    To get one, call { $brand-phone } ({ $brand-hours }). They check who you are and set it up with you.


## Leaving for another network. The numbers are the same on every network in the United Kingdom.

leave-network-how =
    Your phone can do that itself, free, by a text; I can't do it for you here.
    To keep your number, text PAC to 65075. To leave without it, text STAC to 75075. The code comes within a minute, with what leaving costs, and lasts 30 days: give it to your new network.
    To hear only what leaving would cost, text INFO to 85075. For home broadband, or anything else, I can get you a person.


## What is left for a person who is not there yet. The host says what becomes of it.

leave-message-what = What should I pass on? Write it in one message.
    .hint = Please write it as text.
call-me-which = Which number should they call?
    .hint = I need one whole phone number, with its area code.
call-me-sure = Should a colleague call you on { $number }?
call-me-not = OK, nobody will call. What you asked for still stands.


## Unlinking this chat. The host says "unlink-done" once it has happened.

unlink-sure = Unlink this chat from your account? I won't be able to show you your bill until you sign in again.
    .yes = Yes, unlink it
    .no = No
unlink-kept = OK, the chat stays linked.
unlink-done = Done. This chat is no longer linked to your account. Nothing else has changed.


## Stopping what is under way

stop-sure = Stop here? Anything that is already done stays done.
    .yes = Yes, stop
    .no = No, go on
stop-done = OK, I've stopped, and nothing more will change.


## Bills

# status is paid, overdue or due; debited is what we collect by Direct Debit, rest is what we don't.
bill-now =
    { $bill-status ->
        [paid] Your { MONTH($bill-month) } bill was { MONEY($bill-total) }. It was paid on { DATE($bill-paid-on) }.
        [overdue] Your { MONTH($bill-month) } bill is { MONEY($bill-total) }. It was due on { DATE($bill-due) }, and { MONEY($bill-rest) } is still to pay. If that's hard just now, tell me and I'll get you a person who can help.
       *[due] Your { MONTH($bill-month) } bill is { MONEY($bill-total) }, due { DATE($bill-due) }. { $bill-rest ->
            [0] We collect it by Direct Debit.
           *[other] { $bill-debited ->
                [0] There is no Direct Debit for it, so please pay it yourself.
               *[other] We collect { MONEY($bill-debited) } of it by Direct Debit. Please pay the other { MONEY($bill-rest) } yourself.
            }
        }
    }

bill-due =
    { $bill-status ->
        [paid] Your { MONTH($bill-month) } bill is paid. We received { MONEY($bill-total) } on { DATE($bill-paid-on) }.
        [overdue] Your { MONTH($bill-month) } bill was due on { DATE($bill-due) }. { MONEY($bill-rest) } is still to pay.
       *[due] Your { MONTH($bill-month) } bill of { MONEY($bill-total) } is due { DATE($bill-due) }. { $bill-rest ->
            [0] We collect it by Direct Debit.
           *[other] { $bill-debited ->
                [0] There is no Direct Debit for it, so please pay it yourself.
               *[other] We collect { MONEY($bill-debited) } of it by Direct Debit. Please pay the other { MONEY($bill-rest) } yourself.
            }
        }
    }

# Why it changed, as a sum. "direction" is up, down or level; first, second and third are the largest causes, and
# "rest" is the sum of all the others when there are more than three.
bill-change =
    { $direction ->
        [up] Your { MONTH($change-month) } bill is { MONEY($change-total) }. That's { MONEY($difference) } more than { MONTH($change-previous) }:
        [down] Your { MONTH($change-month) } bill is { MONEY($change-total) }. That's { MONEY($difference) } less than { MONTH($change-previous) }:
       *[level] Your { MONTH($change-month) } bill is { MONEY($change-total) }, the same as { MONTH($change-previous) }, but it is made up differently:
    } { $causes ->
        [1] { MONEY($first-amount) } { $first-label }.
        [2] { MONEY($first-amount) } { $first-label }, { MONEY($second-amount) } { $second-label }.
        [3] { MONEY($first-amount) } { $first-label }, { MONEY($second-amount) } { $second-label }, { MONEY($third-amount) } { $third-label }.
       *[other] { MONEY($first-amount) } { $first-label }, { MONEY($second-amount) } { $second-label }, { MONEY($third-amount) } { $third-label }, and { MONEY($rest) } in smaller changes.
    }

bill-same = Your { MONTH($change-month) } bill is { MONEY($change-total) }, the same as { MONTH($change-previous) }.

bill-first = Your { MONTH($bill-month) } bill is { MONEY($bill-total) }. It's your first one, so there's nothing to compare it with.

# "lines" is one charge a line, dearest first; "left" is how many more there are.
bill-charges =
    Charged on top of your plan in { MONTH($month) }, { MONEY($total) } in all:
    { $lines }

bill-charges-more =
    Charged on top of your plan in { MONTH($month) }, { MONEY($total) } in all. The dearest are:
    { $lines }
    { $left ->
        [one] One more is on your bill.
       *[other] { $left } more are on your bill.
    }

bill-no-charges = Nothing was charged on top of your plan in { MONTH($month) }.

bill-pdf = Here is your { MONTH($month) } bill.

bill-no-pdf = There's no PDF of your { MONTH($month) } bill yet.

bill-none = You have no bill yet.

bill-no-such-month = I have no bill for { MONTH($month) }. Your bills go from { MONTH($first) } to { MONTH($last) }.

bill-payg = You're on pay as you go, so you don't get bills. You have { MONEY($balance-credit) } of credit.

# The buttons below a bill.
bill-offer-change = Why did it change?
bill-offer-charges = See the calls
bill-offer-due = When is it due?
bill-offer-pdf = Get the PDF
bill-offer-dispute = Question a charge


## Pay as you go

balance-credit = You have { MONEY($balance-credit) } of credit, and no bundle at the moment.

balance-bundle = You have { MONEY($balance-credit) } of credit. Your { $balance-bundle } bundle has { $balance-bundle-left } left, until { DATE($balance-bundle-until) }.

balance-monthly = You pay monthly, so there's no credit to run out.


## Cancelling a Direct Debit

debit-which = Which Direct Debit?

# One button for each Direct Debit, and one for those that other companies collect.
debit-option =
    { $id ->
        [elsewhere] One for another company
       *[other] { $label }, { MONEY($amount) }
    }

# Said once, before the question: what cancelling does and does not do.
debit-before =
    Before you decide:
    { $under-moving-amount ->
        [0] { DATE($under-next-on) }: the next payment, { MONEY($under-next-amount) }, won't be taken.
       *[other] { DATE($under-moving-on) }: a payment of { MONEY($under-moving-amount) } is already with your bank and may still be taken. The one after it, { MONEY($under-next-amount) } on { DATE($under-next-on) }, won't be.
    }
    { $under-owed ->
        [0] Cancelling doesn't end your contract or close your account.
       *[other] Cancelling doesn't end your contract or close your account, and it doesn't clear the { MONEY($under-owed) } that is still to pay.
    }
    From then on you pay each bill yourself, by card or bank transfer: call { $brand-phone } to do that.

# The question itself. The button's words are also what a customer can type.
debit-confirm = Cancel the Direct Debit for { $mandate-label }, { MONEY($mandate-amount) } a month? It's payable to { $mandate-payee }, reference { $mandate-reference }.
    .yes = Yes, cancel it
    .no = No

# What stands on the approval page.
action-cancel-direct-debit = Cancel the Direct Debit for { $mandate-label }, { MONEY($mandate-amount) } a month, payable to { $mandate-payee }, reference { $mandate-reference }.

debit-kept = OK, nothing has changed. The Direct Debit for { $mandate-label } carries on.

debit-done =
    Done. The Direct Debit for { $receipt-label } is cancelled. Your reference is { $receipt-reference }.
    { $receipt-moving-amount ->
        [0] Please pay your next bill yourself, by card or bank transfer.
       *[other] A payment of { MONEY($receipt-moving-amount) } was already with your bank and may still be taken on { DATE($receipt-moving-on) }. After that, please pay your bills yourself, by card or bank transfer.
    }
    If a payment is ever taken in error, the Direct Debit Guarantee entitles you to a full and immediate refund from your bank.
debit-offer-receipts = What was done for me?

debit-locked = I couldn't cancel the Direct Debit for { $mandate-label }: a change to it is with your bank until { DATE($until) }. Nothing has changed. You can also cancel it with your bank at any time.

debit-over = The Direct Debit for { $mandate-label } had already ended on { DATE($on) }, so there was nothing left to cancel.

# by is "us" or "bank".
debit-already-ended =
    { $mandate-by ->
        [us] The Direct Debit for { $mandate-label } is already cancelled: we did that on { DATE($mandate-on) }, reference { $mandate-receipt }.
       *[bank] The Direct Debit for { $mandate-label } was cancelled at your bank on { DATE($mandate-on) }, so there's nothing left to cancel.
    } Please pay your bills for it yourself, by card or bank transfer.

debit-none = You have no Direct Debit with { $brand-name }, so there's nothing to cancel here.

debit-payg = You're on pay as you go: you top up when you like, and no Direct Debit is set up with { $brand-name }. If money leaves your bank for somebody else, your bank can stop that.

debit-elsewhere = I can only see Direct Debits that are payable to { $brand-name }. To cancel another company's, ask that company or your bank. Your bank can stop it at any time.

debit-elsewhere-named = A Direct Debit for { $payee } isn't one of ours: I can only see those payable to { $brand-name }. Ask them or your bank to cancel it. Your bank can stop it at any time.


## What was done for you. "what" and "next" come from the receipt of each thing (further down).

receipts-intro =
    { $count ->
        [one] This is on record for you:
       *[other] These { $count } things are on record for you, latest first:
    }

receipts-more = There are { $left } earlier ones. Give me a reference to see one of them.

receipts-one = { DATE($receipt-at) }, { $receipt-channel }: { $receipt-what }. Reference { $receipt-reference }.

receipts-one-next = { DATE($receipt-at) }, { $receipt-channel }: { $receipt-what }. Reference { $receipt-reference }. { $receipt-next }

# For a thing that has no reference yet.
receipts-unsettled = { DATE($receipt-at) }, { $receipt-channel }: { $receipt-what }. { $receipt-next }

receipts-none = Nothing has been changed for you through this chat.

receipts-unknown = I don't know the reference { $reference }.

# One text for each thing that can be done, filled from its result. ".next" is what happens now.
# "unsettled" is for a thing that could not be confirmed yet.
receipt-DirectDebits-cancel = the Direct Debit for { $result-label } was cancelled
    .next =
        { $result-moving-amount ->
            [0] Please pay your bills for it yourself.
           *[other] A payment of { MONEY($result-moving-amount) } may still be taken on { DATE($result-moving-on) }.
        }
receipt-unsettled = something was begun and could not be confirmed
    .next = A person is checking it and will tell you.


## Things a person deals with. Each says honestly what happens now; the reference, the phone number and the opening
## hours are said after it.

# service is "" when none was named.
fault-said = Thanks for telling us. I can't test your line or your signal from here, so a person has to look into it.

fault-said-service = Thanks for telling us about your { $service }. I can't test it from here, so a person has to look into it.

dispute-said = You can question any charge. I can't change one myself, but a person can look at it with you.

dispute-month = You can question any charge on your { MONTH($month) } bill. I can't change one myself, but a person can look at it with you.

money-said =
    Thank you for telling us. You don't have to sort it out in this chat, and asking for help doesn't cost you anything.
    A person can agree more time or smaller payments with you. StepChange, National Debtline and Citizens Advice give free advice that has nothing to do with us.

bereavement-said =
    Thank you for telling us. There is nothing you need to prove or decide in this chat.
    A person from the team that looks after this will take it from here, at your pace.

complaint-said = You have a right to complain, and we want to put it right. I'm recording it now, and a person will look into it. They can also send you our complaints code, which says how an independent ombudsman can look at it for free.

pay-said = I can't take a payment in this chat. Please never send card details here. You can pay by card or bank transfer by calling { $brand-phone } ({ $brand-hours }).

danger-said =
    If you or someone else is in danger now, please call 999.
    If things feel too much, Samaritans are there day and night, free, on 116 123.
    I'm an automated assistant, so a person will contact you too.
