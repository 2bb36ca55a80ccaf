"""The demo backend's own tables. Money is pence; days are ISO dates; the audit can only grow."""

from __future__ import annotations

SCHEMA = """
CREATE TABLE IF NOT EXISTS customer (
    ref TEXT PRIMARY KEY, first_name TEXT NOT NULL, name TEXT NOT NULL, plan TEXT NOT NULL, online INTEGER NOT NULL,
    ending TEXT NOT NULL, credit INTEGER NOT NULL DEFAULT 0, bundle TEXT NOT NULL DEFAULT '',
    bundle_left TEXT NOT NULL DEFAULT '', bundle_until TEXT
);
CREATE TABLE IF NOT EXISTS service (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customer, kind TEXT NOT NULL, label TEXT NOT NULL,
    monthly INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS bill (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customer, month TEXT NOT NULL, issued TEXT NOT NULL,
    due TEXT NOT NULL, paid_on TEXT, UNIQUE (customer, month)
);
CREATE TABLE IF NOT EXISTS line (
    bill TEXT NOT NULL REFERENCES bill, n INTEGER NOT NULL, service TEXT REFERENCES service, kind TEXT NOT NULL,
    label TEXT NOT NULL, amount INTEGER NOT NULL, PRIMARY KEY (bill, n)
);
CREATE TABLE IF NOT EXISTS charge (
    bill TEXT NOT NULL REFERENCES bill, n INTEGER NOT NULL, day TEXT NOT NULL, what TEXT NOT NULL,
    amount INTEGER NOT NULL, PRIMARY KEY (bill, n)
);
CREATE TABLE IF NOT EXISTS mandate (
    id TEXT PRIMARY KEY, customer TEXT NOT NULL REFERENCES customer, service TEXT NOT NULL REFERENCES service,
    reference TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'active', locked_until TEXT,
    ended_on TEXT, ended_by TEXT, receipt TEXT, ended_at TEXT
);
CREATE TABLE IF NOT EXISTS payment (
    id TEXT PRIMARY KEY, mandate TEXT NOT NULL REFERENCES mandate, bill TEXT REFERENCES bill, amount INTEGER NOT NULL,
    day TEXT NOT NULL, status TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS used_key (
    key TEXT PRIMARY KEY, what TEXT NOT NULL, arguments TEXT NOT NULL, at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS audit (
    n INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, what TEXT NOT NULL, arguments TEXT NOT NULL,
    key_hash TEXT NOT NULL, outcome TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS mandate_of ON mandate (customer);
CREATE INDEX IF NOT EXISTS payment_of ON payment (mandate);
CREATE TRIGGER IF NOT EXISTS audit_stays BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit can only grow'); END;
CREATE TRIGGER IF NOT EXISTS audit_is_kept BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit can only grow'); END;
"""
