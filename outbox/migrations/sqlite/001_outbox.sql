-- Rows wait here from the COMMIT until a relay has carried them out. No id comes twice.
create table hotsock_outbox (
  id      integer primary key autoincrement,
  version integer not null default 1,
  channel text not null check (length(channel) between 1 and 256),
  part    integer not null generated always as
    ((unicode(channel) + 3 * unicode(substr(channel, -1)) + 5 * unicode(substr(channel, -2)) + length(channel)) & 15) stored,
  kind    text not null,
  body    text not null check (json_valid(body)),
  dedup   text not null default (lower(hex(randomblob(16)))),
  created integer not null default (cast(round((julianday('now') - 2440587.5) * 86400000) as integer)) -- milliseconds since 1970
);
create index hotsock_outbox_part on hotsock_outbox (part, id);

-- Rows that were set aside, and those that are kept for a while.
create table hotsock_outbox_ended (
  id      integer primary key,
  version integer not null,
  channel text not null,
  kind    text not null,
  body    text not null,
  dedup   text not null,
  created integer not null,
  ended   integer not null,
  failed  integer not null,
  error   text not null
);
create index hotsock_outbox_ended_channel on hotsock_outbox_ended (failed, channel);
create index hotsock_outbox_ended_at on hotsock_outbox_ended (failed, ended);

-- Who carries out the rows of which partition.
create table hotsock_outbox_leases (
  part   integer primary key,
  holder text not null default '',
  until  integer not null default 0
);
insert into hotsock_outbox_leases (part) values
  (-1), (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15);

create table hotsock_outbox_migrations (version integer primary key);
insert into hotsock_outbox_migrations values (1);
