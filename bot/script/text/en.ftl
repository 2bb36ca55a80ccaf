# The host's own words: what Parley itself says around any dialog. A brand may replace any of them.

## Yes and no, and being understood

host-yes = Yes
host-no = No
host-hint-ask = Sorry, I didn't get that.
host-hint-choose = Sorry, which one? You can use a button, or type its name or number.
host-hint-confirm = Sorry, is that a yes or a no?
host-hint-exact = To be safe I need you to press the button, or type exactly “{ $phrase }”.
host-give-up = I'm not getting this right, so I'll ask a person to help.
host-file = Thank you. I can't read files myself, but I have kept it here for a person.

## Coming and going between tasks

host-start-again = Start again
host-expired = Earlier we were in the middle of { $title }. That was a while ago, so I closed it and changed nothing.
host-one-at-a-time = Let's finish one of these first. Then tell me that again.
host-put-aside = I've put this aside: { $title }. Just ask when you want to go on with it.
host-too-fast = One at a time, please. I have kept all your messages, but I only answer a few of them a minute.
host-button-stale = That button is from earlier and no longer works.
host-nothing-to-stop = There's nothing going on to stop. What can I do for you?

## Signing in and approving

host-sign-in = To look at your account I need to know it's you. Please sign in on our secure page.
    .button = Sign in
host-sign-in-again = Please sign in on our secure page first, then I'll carry on here.
host-sign-in-unclear = I didn't get that. To go on, please sign in on our secure page. You can also say “stop”, or ask for a person.
host-linked = Thanks, you're signed in: account ending { $ending }. Not you? Reply “unlink”.
host-other-customer = You've signed in as somebody else than before, so I'm starting this again for this account.
host-sign-in-retry = Try again
host-sign-in-declined = No problem. I haven't connected anything.
host-sign-in-expired = The sign-in link has run out. It lasts ten minutes.
host-sign-in-other-person = That sign-in was for a different customer, so I haven't connected anything.
host-sign-in-wrong-browser = That link was opened in a different browser, so I haven't connected anything.
host-sign-in-failed = The sign-in didn't work, so I haven't connected anything.
host-sign-in-too-many = You've asked for several links in a row. Please wait a minute, then ask me again.
host-link-over = That link is over, and nothing waits for it any more. Tell me again what you'd like to do, and you'll get a new one.
host-code-wrong = That code doesn't work here. Please check it on the page where you signed in, or ask me for a new link.
host-unlinked-by-provider = Your sign-in was ended from elsewhere, so I've disconnected your account from this chat. If that wasn't you, please call us. To carry on, just ask: I'll send a new link.
host-unlinked-signed-out = You've signed out, so I've disconnected your account from this chat. To carry on, just ask: I'll send a new link.
host-unlinked-on-page = I've disconnected that account from this chat, as you asked on our page.
host-private-only = I can only talk about your account in a private chat. Please message me directly.
host-approve = Please approve this on our secure page.
    .button = Approve
host-approve-waiting = I'm waiting for you to approve this on our secure page.
host-refused-declined = All right, nothing has changed.
host-refused-expired = The approval ran out, so nothing has changed.
host-refused-other-person = The approval came from a different customer, so nothing has changed.

## When something takes long or fails

host-one-moment = One moment, our systems are slow to answer. I'll keep trying.
host-still-trying = I'm still waiting for our systems. I'll tell you as soon as they answer.
host-backend-down = I can't reach our systems just now.
host-effect-checking = I've sent that, but haven't had an answer yet. I'm checking whether it went through.
host-effect-unknown = We couldn't confirm whether that went through. Somebody is checking it now, reference { $reference }, and we'll tell you. There's no need to try again.
host-effect-settled = What we couldn't confirm earlier did go through. Your reference is { $reference }. There's nothing more you need to do.
host-poison = Something went wrong on our side and I couldn't handle that. I've passed it to a colleague, reference { $reference }.

## People

host-callback = I've asked a colleague to get back to you: reference { $reference }. You can also call { $brand-phone }, { $brand-hours }.
host-leave-message = Leave a message
host-call-me = Call me
host-left-leave-message = I've added that to { $reference }. A colleague will answer you in this chat from { $time } on { DATE($day, style: "weekday") }.
host-left-leave-message-undated = I've added that to { $reference }, and a colleague will get back to you.
host-left-call-me = A colleague will call you on { $left }, from { $time } on { DATE($day, style: "weekday") } at the earliest. The reference is { $reference }.
host-left-call-me-undated = A colleague will call you on { $left }. The reference is { $reference }.
host-callback-again = A colleague already has this: reference { $reference }. You can also call { $brand-phone }, { $brand-hours }.
host-waiting-for-person = A colleague will pick this up here, reference { $reference }. Is there anything I can do meanwhile?
host-joined = { $name } from { $brand-name } has joined.
host-returned = { $name } has handed you back to the assistant.
host-returned-closed = { $name } has handed you back to the assistant. What was open before is closed; nothing more was changed.
host-resolved = { $name } has left the chat. I'm the assistant again, and I'm here if you need anything.
host-passed-on = { $name } is passing you to a colleague. You keep your place, and you don't need to repeat anything.
host-agent-gone = { $name } can't carry on just now, so a colleague will take over. You keep your place, and you don't need to repeat anything.

host-desk-next = I've asked a colleague to join you here, reference { $reference }. You're next. If you leave, the answer will be waiting here. Say “never mind” if you no longer need it.
host-desk-soon = I've asked a colleague to join you here, reference { $reference }. { $ahead ->
    [0] You're next.
    [one] One person is before you.
   *[other] { $ahead } people are before you.
 } If you leave, the answer will be waiting here. Say “never mind” if you no longer need it.
host-desk-about = I've asked a colleague to join you here, reference { $reference }. In the last hour people waited about { $high ->
    [one] a minute
   *[other] { $high } minutes
 }. If you leave, the answer will be waiting here. Say “never mind” if you no longer need it.
host-desk-range = I've asked a colleague to join you here, reference { $reference }. In the last hour people waited { $low } to { $high } minutes. If you leave, the answer will be waiting here. Say “never mind” if you no longer need it.
host-desk-closed = Nobody is here to answer just now. A colleague will answer you in this chat from { $time } on { DATE($day, style: "weekday") }, reference { $reference }. Anything you write until then is kept for them. If it can't wait, call { $brand-phone }, { $brand-hours }.
host-desk-still = Still waiting, and your place is kept. { $high ->
    [0] I'll tell you as soon as somebody joins.
   *[other] It now takes { $low } to { $high } minutes. I'll tell you as soon as somebody joins.
 }
host-desk-gone = Everybody has had to leave, so nobody will answer in the next minutes. Your place is kept, and a colleague will answer you in this chat. If it can't wait, call { $brand-phone }, { $brand-hours }.
host-desk-kept = Thanks, I've kept that for them.
host-desk-withdrawn = All right, I've told them you no longer need anybody. Just ask if you change your mind.
host-desk-done-goodwill = A credit of { MONEY($amount) } is on your account, reference { $reference }.
host-desk-done-ticket = This is with the team that looks after it, reference { $reference }.
host-desk-done-callback = We'll call you back, reference { $reference }.
host-desk-done-callback-at = We'll call you back ({ $at }), reference { $reference }.
host-desk-csat = How was it to get help here, from 1 (bad) to 5 (good)?
host-desk-csat-thanks = Thank you. That helps us.
host-desk-offer = You can do this right here: { $title }.
    .offer = Start
host-desk-offer-over = You're back with the person you were talking to.

## Why somebody is handed over, as agents read it

desk-reason-leave-message = Left a message
desk-reason-call-me = Wants to be called
desk-reason-asked = Asked for a person
desk-reason-misunderstood = Not understood
desk-reason-backend-down = Our systems were down
desk-reason-danger = Danger or distress
desk-reason-bereavement = Bereavement
desk-reason-cannot-pay = Money trouble
desk-reason-complaint = Complaint
desk-reason-dispute-charge = Disputes a charge
desk-reason-fault = Fault
desk-reason-pay-bill = Wants to pay a bill
desk-reason-effect-unknown = Unclear whether something was done
desk-reason-effect-unsettled = Left before something was settled
desk-reason-poison-message = A message could not be handled
desk-reason-debit-locked = Direct Debit is locked
