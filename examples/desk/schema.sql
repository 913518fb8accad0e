-- What the desk keeps itself. The messages of a ticket are on its channel, in the
-- store of the realtime handler.

create table if not exists people (
  uid       text primary key,
  name      text not null,
  email     text not null unique,
  role      text not null check (role in ('customer', 'agent', 'lead')),
  password  blob not null, -- bcrypt
  suspended integer not null default 0
) strict;

create table if not exists sessions (
  hash    blob primary key, -- of the cookie's value: this table signs nobody in
  uid     text not null references people,
  begun   integer not null, -- microseconds since 1970
  expires integer not null -- seconds since 1970
) strict;
create index if not exists sessions_uid on sessions (uid);

create table if not exists tickets (
  id       integer primary key autoincrement,
  customer text not null references people,
  subject  text not null,
  agent    text references people, -- null while it is nobody's
  closed   integer not null default 0,
  changed  integer not null, -- milliseconds since 1970
  request  text not null, -- the page's name for this ticket: it is opened once
  unique (customer, request)
) strict;
create index if not exists tickets_changed on tickets (changed);

-- How far each person has read: the id of the newest message that they have seen.
create table if not exists seen (
  uid     text not null references people,
  ticket  integer not null references tickets,
  message text not null,
  primary key (uid, ticket)
) strict, without rowid;
