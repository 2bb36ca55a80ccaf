# What the brand of the chaos runs says.

dialog-deposit = your deposit
    .offer = Put money in
dialog-post = your posting
    .offer = Post an amount

deposit-ask = How many pence shall I put in?
    .hint = Only digits, please.
deposit-done = Put in { $done-amount } pence. Your reference is { $done-reference }.

post-ask = How many pence shall I post?
    .hint = Only digits, please.
post-done = Posted { $done-amount } pence. Your reference is { $done-reference }.

receipt-Ledger-deposit = { $result-amount } pence were put in
receipt-Ledger-post = { $result-amount } pence were posted
