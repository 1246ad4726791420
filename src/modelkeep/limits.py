"""Every bound on what one caller can cost, with its unit. A limit without a test is a wish: each name here stands in one
(`tests/core/test_every_limit_has_a_test.py`).

This module imports nothing, so that every room may read it.
"""

# --- rows that are compared (filters, SQL's WHERE) --------------------------------------------------------------------

LIKE_PATTERN_CHARACTERS = 512
"""Characters of one pattern of LIKE or ILIKE."""
COMPARE_S = 10.0
"""Seconds that one request may compare rows for."""
COMPARE_SLICE_S = 0.005
"""Seconds of comparing after which other requests get their turn, before this one or another goes on comparing."""
SQL_KEPT_CHARACTERS = 32 << 20
"""Characters of the views' rows that one statement loads, after its WHERE where it reads one view."""
SQL_TABLES = 16
"""Tables and subqueries that the FROM clauses of one statement name."""
SQL_COLUMNS = 300
"""Columns of an answer, and of a subquery."""
SQL_ROWS = 100_000
"""Rows of an answer."""
SQL_ANSWER_CHARACTERS = 32 << 20
"""Characters of the text in an answer's rows."""
SQL_CELL_BYTES = 16 << 20
"""Bytes of a text that an expression makes."""
SQL_STEPS = 2_000
"""Steps of SQLite's virtual machine between two looks at the deadline and at the memory."""
SQL_MEMORY_BYTES = 256 << 20
"""How much the process's memory may grow while SQLite runs a statement: joins and sorts are in memory."""
SQL_STATEMENTS = 2
"""SELECT statements that run at once, each in a thread; a principal's next one waits for the one before it."""
SQL_WAIT_S = 10.0
"""How long a SELECT waits for its turn."""
SQL_INLINE_CHARACTERS = 500
"""Characters of a statement up to which it is parsed at once; a longer one waits for the thread that parses."""

NEAR_NAMES = 100
"""Names that a misspelled one is compared with, for the hint in a refusal."""
NEAR_CHARACTERS = 48
"""Characters of each that are compared."""

# --- searches ------------------------------------------------------------------------------------------------------------

SEARCH_CANDIDATES = 10_000
"""Securables that an index may name for a search to judge them all; beyond, the search walks in order."""
SEARCH_VERSIONS = 100_000
"""Versions of such candidates that a search sorts for a page; beyond, it reads them in an order that has an index."""
SEARCH_STEP_ROWS = 250
"""Rows that one statement of a walk brings: they are made into answers on the event loop."""
SEARCH_ROWS = 10_000
"""Rows that one page of a search may look at before it is handed out short."""

# --- prompts ---------------------------------------------------------------------------------------------------------

PROMPT_TEMPLATE_CHARACTERS = 100_000
"""Characters of one template, as text or as the JSON of its messages: what MLflow's own server stores (a tag's value)."""
PROMPT_PAGE_CHARACTERS = 1_000_000
"""Characters of the templates on one page of versions; the page is short where it would have more."""
PROMPT_LINKS = 1_000
"""Runs, logged models and traces that a prompt is linked to; a new link takes the place of the oldest."""
PROMPT_LINKS_AT_ONCE = 100
"""Links (versions times runs, models or traces) that one call may make."""

# --- model serving endpoints -----------------------------------------------------------------------------------------

SERVING_ENDPOINTS = 200
"""Serving endpoints of one workspace."""
SERVED_ENTITIES = 10
"""Served entities of one endpoint, as at Databricks."""
SERVING_TAGS = 50
"""Tags of one endpoint."""
SERVING_TAG_CHARACTERS = 256
"""Characters of a tag's key, and of its value."""
SERVING_ENVIRONMENT_VARIABLES = 50
"""Environment variables of one served entity."""
SERVING_ENVIRONMENT_BYTES = 16 << 10
"""Characters of their names and values together."""
SERVING_PERMISSIONS = 100
"""Principals that an endpoint's permissions name."""
SERVING_TICK_S = 1.0
"""Between two looks at the endpoints, their aliases and their creators' rights."""
SERVING_MODEL_BYTES = 20 << 30
"""Bytes of a version's files that are written out to be served."""
SERVING_MODEL_FILES = 10_000
"""Their number."""
SERVING_LOAD_S = 15 * 60.0
"""How long a model may take to load."""
SERVING_STOP_S = 5.0
"""How long a model's process may take to end after SIGTERM, before it is killed."""
SERVING_DRAIN_S = 120.0
"""How long requests of a version that is replaced may go on, before its process is stopped."""
SERVING_MEMORY_BYTES = 8 << 30
"""Memory of its own that one model's process may use (RLIMIT_DATA)."""
SERVING_FILE_BYTES = 1 << 30
"""Bytes of a file that a model's process writes."""
SERVING_DESCRIPTORS = 1024
"""Open files and sockets of a model's process."""
SERVING_LOG_BYTES = 256 << 10
"""The end of a model's log that is kept."""
SERVING_IDLE_S = 30 * 60.0
"""Without a query for as long, a served entity with scale_to_zero_enabled has no process, until the next query."""
SERVING_RETRY_S = 60.0
"""After a version that an alias leads to did not load, before it is tried again."""
SERVING_REASON_CHARACTERS = 2_000
"""Of the last lines of a log that say why a model does not load."""
SERVING_BODY_BYTES = 16 << 20
"""Body of a query, as at Databricks."""
SERVING_PREDICT_S = 120.0
"""How long a query may take, from the model's start to the first byte of its answer."""
SERVING_QUEUE_FACTOR = 8
"""Queries that wait or run at a served entity, as a multiple of those that run at once; the next gets 429."""
SERVING_ERROR_BYTES = 1 << 20
"""Of a model's refusal that is read to put it into words of the API."""
SERVING_HEAD_BYTES = 64 << 10
"""Of the head of a model's answer."""
SERVING_IDLE_CONNECTIONS = 8
"""Open connections to one model's process that wait for the next query."""
SERVING_REQUIREMENTS_BYTES = 256 << 10
"""Of a model's requirements.txt."""
SERVING_REQUIREMENTS = 1_000
"""Lines of it."""
SERVING_BUILD_S = 20 * 60.0
"""How long one environment may take to build."""
SERVING_BUILDS = 1
"""Environments that are built at the same time."""

# --- pages of lists --------------------------------------------------------------------------------------------------

PAGE_TOKEN_BLOCK_BYTES = 256
"""A page token holds its position in whole blocks of this size, so that its length tells little about a name."""
PAGE_TOKEN_CHARS = 8_192
"""Of a page token that a client sends; longer ones are refused unread."""

# --- background work -------------------------------------------------------------------------------------------------

JOBS_AT_ONCE_BY_LANE = {"registrations": 4, "files": 2, "housekeeping": 1}
"""Jobs of each lane that one process runs at the same time."""
JOB_LEASE_MS = 60_000
"""A holder that is silent for as long has lost its job, or its singleton duty, to the next one."""
JOB_LONGEST_S = 24 * 3600
"""An attempt that takes longer is cancelled and counts as failed."""
JOBS_STOP_S = 10
"""How long running jobs may go on when the server stops; then they are cancelled and put back."""
AUDIT_HEAD_S = 3600.0
"""Between two reports of the audit chain's head, to the log and the collector."""
AUDIT_HEAD_CHECK_S = 60.0
"""Between two looks whether such a report is due, and whether it is this process's to make."""
JOBS_CANCEL_S = 5
"""How long a cancelled attempt may take to end before nobody waits for it any more."""
DELETE_ROWS = 200
"""Rows that one step of a deletion removes: a few milliseconds in which no other change goes on."""
DELETE_PAUSE_MS = 1
"""Between two such steps."""

# --- tracking: one MLflow server for each workspace ------------------------------------------------------------------

TRACKING_PROBE_S = 1.0
"""The tracking server answers a health check within this, or counts as away; how long an answer is reused."""
TRACKING_START_S = 60.0
"""How long a call waits for a tracking server that starts."""
TRACKING_CALL_S = 10.0
"""How long a call of a tracking server that has started may take."""
TRACKING_SEARCH_S = 30.0
"""The same of one that reads or writes many rows."""
TRACKING_CALLS_OF_PRINCIPAL = 16
"""Tracking calls of one principal that are at work in one workspace."""
TRACKING_SEARCHES_OF_PRINCIPAL = 4
"""Those among them that search."""
TRACKING_WAITING_OF_PRINCIPAL = 64
"""Tracking calls of one principal that wait for their turn; the next one is refused."""
TRACKING_LOG_BODY_BYTES = 2 * 1024 * 1024
"""The same of one that logs: MLflow's clients send 1 MB at a time."""
TRACKING_INPUTS_BODY_BYTES = 8 * 1024 * 1024
"""The same of one that logs datasets, with their schemas and profiles."""
TRACKING_INLINE_BYTES = 32 * 1024
"""JSON of a tracking call or of its answer up to which the event loop reads it; a thread reads more."""
TRACKING_QUERY_PAIRS = 2_000
"""`key=value` pairs of the query string of a tracking call: lists of ids are in it."""
TRACKING_DEPTH = 24
"""Levels of the JSON of a tracking call."""
TRACKING_SEARCH_CHARS = 10_000
"""The filter and order of one search, together."""
TRACKING_QUERY_CHARS = 20_000
"""One GraphQL query."""
TRACKING_PAGE_ROWS = 10_000
"""Results of one page: what MLflow's own client asks for at a time."""
TRACKING_IDS = 500
"""Traces that one call may name."""
TRACKING_RUNS = 100
"""Runs or logged models that one call may name: for those not met yet, the tracking server is called one by one."""
OTLP_BYTES = 4 << 20
"""One export of traces, once it is unpacked."""
OTLP_SPANS = 2_000
"""Spans of one export; OpenTelemetry's exporters send 512."""
OTLP_TRACES = 512
"""Traces of one export."""
OTLP_ATTRIBUTES = 1_000
"""Attributes, events and links of one span, or attributes of one resource; OpenTelemetry's own limit is 128 of each."""
OTLP_DEPTH = 16
"""Levels of lists and maps in one attribute."""
TRACKING_BULK_RUNS = 200
"""Runs that one call deletes by their age; the answer says how many it were."""
TRACKING_EXPERIMENTS = 5_000
"""Experiments that one search may name."""
TRACKING_IDLE_S = 1800.0
"""The tracking server of a workspace beside the default one stops when nobody called it for as long."""
TRACKING_SWEEP_S = 60.0
"""How often idle and deleted workspaces are looked for."""
# --- the database ----------------------------------------------------------------------------------------------------

DATABASE_S = 10
"""How long one call waits for the database: for a connection, a lock, or the answer to one statement."""
CONTENDED_TRIES = 3
"""How often a change is run that the database undid for the sake of another (a deadlock)."""
BACKGROUND_THREADS = 4
"""Threads for SQLite's scans of jobs and of steps outside an operation's transaction."""
SCAN_S = 5
"""How long one scan (a search, a list) reads before it is stopped."""
POSTGRES_WAIT_S = 5
"""How long one transaction waits for a connection, and one scan for its turn."""
CONNECT_S = 5
"""How long one attempt to connect to PostgreSQL takes."""
IDLE_IN_TRANSACTION_S = 60
"""How long PostgreSQL keeps a transaction whose client says nothing."""
MIGRATION_S = 3_600
"""How long one statement of a migration may run."""
CHANGES_OF_COMMIT = 16
"""Changes that wait for SQLite's writer and share one commit; the next ones wait for the next commit."""
SLOW_S = 30
"""How long one statement of a change that touches many rows may run."""
BACKGROUND_SCAN_S = 600
"""How long one scan of a job or of the command line reads before it is stopped."""
SCANS_AT_ONCE = 2
"""Scans that SQLite runs at once, each in a thread and on a connection of its own."""
SCANS_OF_PRINCIPAL = 16
"""Scans of one principal that run or wait; the next one is refused."""
SCANS_WAITING = 128
"""Scans of all principals that wait; the next one is refused."""
POSTGRES_READERS = 8
"""Connections to PostgreSQL for short reads, unless the settings say otherwise."""
POSTGRES_WRITERS = 8
"""Connections to PostgreSQL for changes, unless the settings say otherwise."""
POSTGRES_SCANNERS = 2
"""Connections to PostgreSQL for scans, unless the settings say otherwise; as many run at once."""
POSTGRES_WAITING = 1_000
"""Transactions of one kind that wait for a connection; the next one is refused."""
SQLITE_READERS = 8
"""Connections for short reads; those who come when all are in use wait in turn."""
SQLITE_HOT_READERS = 2
"""Of these, the ones that are used first and have the large caches."""
HOT_CACHE_KIB = 16_384
"""Pages that SQLite keeps for the writer and for each hot reader."""
COLD_CACHE_KIB = 2_048
"""Pages that SQLite keeps for each other connection."""
HOT_ROWS_CHARS = 16 << 20
"""Rows and answers that a hot reader keeps."""
COLD_ROWS_CHARS = 1 << 20
"""Rows and answers that each other reader keeps."""
KEPT_CHARS = 64 << 10
"""Of one row or answer that a reader keeps."""
KEPT_LEAST_CHARS = 1 << 10
"""What the smallest row or answer counts for."""
INLINE_ROWS = 50
"""Rows that one statement writes on the event loop; more are written in the writer's thread."""
# --- who calls, and how often ----------------------------------------------------------------------------------------

GUESSERS_KNOWN = 10_000
"""Addresses, by place and kind of credential, whose failures of this minute are kept."""
THROTTLED_PAUSE_S = 0.25
"""How long the answer 429, or 503 for a part that is away, waits: a client that repeats at once cannot keep the server busy."""
RATE_BUCKETS = 20_000
"""Callers whose latest requests are counted; the one that was silent for longest is forgotten first."""
FORWARDED_HOPS = 20
"""Addresses of `X-Forwarded-For` or `Forwarded` that are read, the nearest first."""

AUTHORIZATION_CODES_PER_SESSION = 20
"""Authorization codes of one browser's session that can be traded at a time."""
REFRESHABLE_TOKENS_PER_PRINCIPAL = 50
"""Tools of one principal that refresh their tokens: one more ends the oldest."""
AUTHORIZE_QUERY_BYTES = 4_000
"""Query or form of a request for authorization."""

ALIASES_PER_REQUEST = 100
"""Aliases that one update of a model sets."""
ASSIGNMENTS_PER_REQUEST = 100
"""Principals that one request assigns to a workspace."""

# --- MLmodel files ---------------------------------------------------------------------------------------------------

MLMODEL_BYTES = 16 << 20
"""Of one MLmodel file: a signature of 60,000 columns has 4 MB."""
MLMODEL_INLINE_BYTES = 64 * 1024
"""Of an MLmodel file that a thread of the server reads; a process of its own reads a larger one."""
MLMODEL_MEMORY_BYTES = 1 << 30
"""Of that process."""
MLMODEL_NODES = 200_000
"""Values, keys and aliases in one MLmodel file."""
MLMODEL_VISITED_NODES = 1_000_000
"""The same, with all that an alias names counted each time."""
MLMODEL_DEPTH = 40
SIGNATURE_CHARS = 64 * 1024
"""JSON of the columns or parameters of a signature that are kept with a version, for each of its three parts."""
RESOURCE_NAME_CHARACTERS = 767
"""Of a resource that an MLmodel file names: three names of 255 characters, and the periods between them."""
MLMODEL_DIRECTIVES = 100
"""Directives of YAML, of which MLflow writes none."""
MLMODEL_S = 10.0
"""Seconds until the signature of an MLmodel file is read."""

# --- SCIM ------------------------------------------------------------------------------------------------------------

SCIM_FILTER_TERMS = 50
"""Comparisons in one filter."""
SCIM_FILTER_CHARACTERS = 10_000
SCIM_ENTITLEMENTS = 100
"""Entitlements of one principal."""
SCIM_COMPARED_MEMBERS = 50_000
"""Members that the changes of one PATCH may look at one by one."""
SCIM_OPERATIONS = 1_000
"""Operations in one PATCH."""
SCIM_INLINE_RELATED = 200
"""Members, groups and changes of principals that the event loop handles; a thread does more."""
SCIM_RELATED_PER_PAGE = 20_000
"""Members of all groups on one page of a list, unless its first group alone has more."""
SCIM_ROWS_AT_ONCE = 50
"""Rows with their groups and members that are compared in one step of the thread for it."""

# --- lineage ---------------------------------------------------------------------------------------------------------

LINEAGE_EDGES_PER_CALL = 200
"""Edges that one request may record."""
FEAST_FEATURES_BYTES = 64 * 1024
"""Of the file of a run in which Feast names the features of its model; a larger one is not read."""
FEATURE_DEPS_CHARACTERS = 64 * 1024
"""Of the text `feature_deps` that a client may send with a version."""
LINEAGE_EDGES_PER_AUTHOR = 1_000
"""Edges of one direction that one principal may record of one version."""
LINEAGE_EDGES_PER_PAGE = 1_000
LINEAGE_LINKS_PER_AUTHOR = 100_000
"""Edges between any two things that one principal may record."""
LINEAGE_COLUMNS = 1_000
"""Pairs of columns of one edge."""
LINEAGE_PROPERTIES = 50
"""Properties of one edge."""
LINEAGE_DEPTH = 5
"""Steps of a graph in each direction."""
LINEAGE_NODES = 200
"""Of one graph."""
LINEAGE_EDGES_OF_NODE = 100
"""Of one node in a graph, in one direction."""
EXTERNAL_METADATA_COLUMNS = 1_000
"""Names of columns of one external metadata."""
RUN_EVENT_DATASETS = 100
"""Inputs, or outputs, of one OpenLineage event."""
RUN_EVENT_EDGES = 1_000
"""From the inputs to the outputs of one OpenLineage event."""
LINEAGE_ROWS_PER_PAGE = 5_000
"""Rows that one page of a table's or version's consumers looks at before it is handed out short."""

# --- requests for access ---------------------------------------------------------------------------------------------

PENDING_ACCESS_REQUESTS_PER_REQUESTER = 500
"""Requests of one principal, for itself or for others, that nobody has decided yet."""
# --- the socket: what a peer may send, and how long it may take ---------------------------------------------------------

MAX_URL_BYTES = 65_535
"""Path and query of a request."""
MAX_HEADER_BYTES = 64 * 1024
"""All header fields of a request."""
MAX_HEADERS = 100
"""Header fields of a request."""
MAX_CHUNK_LINE_BYTES = 1_024
"""The size of a chunk with its extensions."""
MAX_TRAILER_BYTES = 8 * 1024
"""Fields after a chunked body. They are dropped, whatever they say."""
CHUNKS_PER_TURN = 256
"""Chunks of one body that are decoded before others get the event loop."""
PIPELINE_BYTES = 64 * 1024
"""Requests that a peer sends ahead of an answer; the server reads no further until it has answered."""
BODY_WINDOW_BYTES = 1 << 20
"""A body that waits in memory; the server reads no further until its request has taken it."""
LINGER_BYTES = 4 << 20
"""What a refused peer may still send before its connection is cut: a reset would destroy the answer on its way."""
LINGER_S = 2.0
HEAD_S = 10.0
"""From the first byte of a request, or from connecting, to its complete head."""
BODY_S = 30.0
"""Without a byte of a body that a request waits for."""
PEER_BYTES_PER_SECOND = 500
"""What a peer sends of a body, or takes of an answer, on average at the least: as Apache's mod_reqtimeout asks for."""
PEER_WINDOW_S = 60.0
"""Seconds of waiting for the peer that such an average is about."""
STALLED_S = 300.0
"""The same for a file that the kernel sends, of which no memory waits."""
KEEP_ALIVE_S = 75.0
"""Between requests of one connection: longer than clients' pools keep one unused, so that none meets one just closed."""
SWEEP_S = 1.0
"""How often the times above are looked at."""
ACCEPTS_PER_TURN = 64
"""Connections taken before others get the event loop."""
ACCEPT_PAUSE_S = 1.0
"""After the system had no descriptor for a new connection."""
MIN_SPARE_DESCRIPTORS = 64
"""Descriptors that connections leave to the database, to files and to the store; a quarter of all where that is more."""

# --- requests: what is kept of them, and how large their bodies may be ---------------------------------------------------

MAX_READING_BYTES = 1_000
"""Path and query of a GET whose meaning is remembered."""
READING_BYTES = 1_000
"""What a remembered meaning takes beside them, on average."""
READINGS_BYTES = 8 << 20
"""All remembered meanings; above it, all are forgotten."""
JSON_BYTES = 256 * 1024
"""A JSON body, unless its route takes texts or lists."""
LONG_JSON_BYTES = 4 << 20
"""A JSON body with texts (65,535 characters of a comment are up to 393,210 bytes of JSON), tags, columns, members or parts."""
BODIES_BYTES_PER_SECOND = 4 << 20
"""Bytes of JSON bodies above SMALL_BODY_BYTES that one caller may send for good."""
BODIES_BURST_BYTES = 64 << 20
"""Bytes of such bodies at once, after a pause."""
SMALL_BODY_BYTES = 64 * 1024
"""A body that counts towards no budget."""
GZIP_RATIO = 200
"""Bytes that one byte of a gzip body may unpack to, above SMALL_BODY_BYTES: metrics and traces pack 5 to 50 times."""
BODIES_BYTES = 48 << 20
"""All larger bodies that are in memory at once."""
BODIES_OF_CALLER_BYTES = 24 << 20
"""Those of one caller."""
INLINE_JSON_BYTES = 2_000
"""A body that is read on the event loop, whatever is in it."""
JSON_KEYS = 30_000
"""Fields in all objects of one JSON body together: ten thousand members with three each."""
JSON_REST = 4
"""How many times as long as one intricate body took the thread rests before it reads the next."""
JSON_REST_S = 0.5
"""The longest such rest."""
THREAD_TURN_S = 0.0005
"""How long a thread that reads JSON, YAML or SQL may run Python before the event loop gets its turn. Each statement of a short read
asks for one, so with Python's 5 ms one busy thread makes such a read take tens of milliseconds."""
INLINE_JSON_PARTS = 500
"""Objects, lists and keys of a body that is read on the event loop; others wait for the thread that reads JSON."""
LONG_READS_OF_CALLER = 16
"""Bodies of one caller that wait for that thread, or are in it."""
LONG_READS = 64
"""Those of all callers."""
MAX_UNKNOWN_FIELDS = 100
"""Fields of a request that its route does not know: clients grow, but not by hundreds."""
QUERY_PAIRS = 200
"""`key=value` pairs of a query string."""
SIGN_IN_PAIRS = 30
"""The same of a form or query by which people and programs sign in."""

# --- tables -----------------------------------------------------------------------------------------------------------

TABLE_COLUMNS = 10_000
"""Columns of one Delta table."""
COLUMN_NESTING = 64
"""Levels of a column's type, the column's own included."""
COLUMN_JSON_KEYS = 200_000
"""Fields in all objects of a JSON body with columns: ten thousand columns with twenty each."""
TABLE_PROPERTIES = 1_000
"""Properties of one Delta table."""
TABLE_PROPERTY_CHARACTERS = 100_000
"""Characters of one such property, its name included."""
DELTA_FEATURES = 200
"""Reader or writer features of one Delta protocol."""
UNPUBLISHED_COMMITS = 10
"""Accepted commits of a managed table that are not published in its log yet."""
COMMIT_FILE_BYTES = 1 << 30
"""The largest commit file of a Delta table: every later reader reads it."""
STAGED_TABLES = 1_000
"""Stagings of one principal that wait for their table."""
STAGED_TABLE_MS = 24 * 3_600_000
"""How long a staging may wait for its table. Then its files are deleted."""
STAGINGS_PER_SWEEP = 200
"""Stagings that one sweep gives up."""
TABLE_PURGE_DELAY_MS = 2 * 60_000
"""A folder is purged at the earliest so long after its row has gone: a request that was authorized before the drop has its
credentials, and the record of their expiry, by then (STORE_METADATA_S is the deadline of the STS)."""
PURGE_FILES = 1_000
"""Files of a dropped table that one call to the storage deletes."""
PURGE_S = 60.0
"""Seconds that such a call may take."""
PURGE_PAUSE_MS = 100
"""Milliseconds between two such calls for one table."""

# --- storage ---------------------------------------------------------------------------------------------------------

STORE_METADATA_S = 10.0
"""A call to the store that moves no bytes of a file: a HEAD, a deletion, the start of an upload."""
STORE_FINALIZE_S = 30.0
"""The listing of a set, or the end of an upload in parts."""
STORE_STALL_S = 60.0
"""One step of a stream of bytes to or from the store (1 MiB read, 16 MiB written); the stream as a whole has no limit."""
STORE_JOB_S = 600.0
"""One step of a background job, for which nobody waits."""
STORE_SOCKET_S = 12.0
"""A socket to the store without a byte, for calls that move none: after that its thread is free again."""
STORE_THREADS = 8
"""For calls that move no bytes. Bytes have as many threads of their own."""
STS_THREADS = 4
"""For calls to the store's STS."""
STS_ANSWERS = 10_000
"""Temporary credentials of folders that one process keeps for callers that ask again."""
SHARED_FOLDER_THREADS = 4
"""For calls to the file system of the folder that clients share."""
DNS_THREADS = 4
"""For looking up the hosts of issuers."""
OTLP_S = 10.0
"""One request to the collector of audit records."""
LANE_WAITING = 256
"""Calls that may wait for a thread of one dependency; more are refused."""
CIRCUIT_FAILURES = 3
"""Calls in a row without an answer after which a dependency gets no calls any more, except one at a time."""
CIRCUIT_OPEN_S = 5.0
"""Until the next call tries whether it answers again."""
FILE_CHANGE_MS = 120_000
"""How long finalize waits for a change of files that a killed process began, or that the store left unanswered."""

# --- health ----------------------------------------------------------------------------------------------------------

HEALTH_DATABASE_S = 1.0
"""How long a readiness probe waits for the database."""
HEALTH_EVERY_S = 5.0
"""How old an answer of the storage or the tracking server may be."""
HEALTH_AGAIN_S = 1.0
"""The same for one that does not work."""
HEALTH_FIRST_S = 0.8
"""How long the first probe waits for them."""
HEALTH_SILENT_S = 0.8
"""After so long without an answer they count as away."""

# --- disks -----------------------------------------------------------------------------------------------------------

DISK_CHECK_S = 5
"""Between two looks at the space of the disks."""
DISK_ANSWER_S = 2.0
"""How long one look at a disk takes; one that hangs longer counts as a disk that could not be looked at."""
DISK_MOST_SHARE = 0.05
"""Of a small disk no more than this share must stay free, whatever the setting says."""
DISK_AGAIN_FACTOR = 1.1
"""Times the limit must be free before changes are taken again: a disk on the edge turns them off once, not by turns."""
MAX_LOGGED_PATH = 1_000
"""Characters of a request's path in the log."""
LOG_LINES = 10
"""Lines of one kind that strangers can cause, in one window; the others are counted."""
LOG_WINDOW_S = 10.0
LOG_KINDS = 1_000
"""Kinds of lines that are counted; above it, counting begins afresh."""
LOG_MESSAGE_CHARS = 2_000
"""Characters of a library's message."""

# --- the audit log ---------------------------------------------------------------------------------------------------

AUDIT_TEXT_CHARS = 500
"""Of one text of a request that a record keeps: a filter, a comment, a page token."""
AUDIT_LIST_ITEMS = 50
"""Of one list or mapping of a request or change."""
AUDIT_REQUEST_BYTES = 4_000
"""Of the request that a record keeps."""
AUDIT_CHANGE_CHARS = 2_000
"""Of one old or new value."""
AUDIT_CHANGES_BYTES = 16_000
"""Of all old and new values of a record."""
AUDIT_REASON_CHARS = 2_000
"""Of the sentence that says why something was refused."""
AUDIT_EVENTS_TOGETHER = 200
"""Refusals that one transaction records, where several wait."""
AUDIT_READS_APART = 20
"""Different requests of one kind, by one token about the same securables, that one flush records one by one; further ones are
one record with a count. Reads about different securables are never put together."""

# --- principals ------------------------------------------------------------------------------------------------------

IDS_PER_STATEMENT = 5_000
"""Ids that one statement names: SQLite takes 32,766 parameters, PostgreSQL 65,535."""
PRINCIPALS_PER_CHANGE = 1_000
"""Entries of one change of grants: each writes rows while others wait for the writer."""
MEMBERS_PER_STEP = 1_000
"""Members of one group that one transaction adds and removes; a larger change comes in steps."""
STEPS_WAIT_S = 30.0
"""How long a change in steps waits for another one."""
NESTED_GROUP_PAIRS = 5_000
"""Groups within one group times groups around it, itself included in both: the rows of the closure that one change touches."""
PRINCIPALS_PER_PAGE = 1_000
"""Users, groups or service principals in one answer."""
TOKENS_PER_PAGE = 1_000
"""Tokens of one principal in one answer."""
MANAGED_TOKENS = 10_000
"""Tokens of all principals in Databricks' own list, which has no pages."""
JOBS_PER_PAGE = 1_000
"""Jobs in one answer."""
# --- what one principal may pile up ----------------------------------------------------------------------------------

TOKENS_PER_PRINCIPAL = 600
"""Personal access tokens that are neither revoked nor expired (Databricks' own number)."""
TOKEN_USERS = 1_000
"""Users, service principals and groups that may use personal access tokens by their own name."""
UPLOADS_PER_PRINCIPAL = 1_000
"""Multipart uploads that are under way; a job ends those that are older than a day."""
# --- tables that pages open ---------------------------------------------------------------------------------------------

TABLE_READERS = 2
"""Processes at once that read Delta tables for pages."""
TABLE_READER_S = 20.0
"""Seconds, of the clock and of processor time, for one of them."""
TABLE_READER_WAIT_S = 5.0
"""How long a request waits for one of them."""
TABLE_READER_BYTES = 4 << 30
"""Address space of one of them, in bytes."""
TABLE_ANSWER_BYTES = 8 << 20
"""Bytes of one answer of theirs."""
TABLE_HISTORY_COMMITS = 50
"""Versions of a table that its history shows."""
TABLE_SAMPLE_ROWS = 20
"""Rows of a sample."""
TABLE_SAMPLE_COLUMNS = 200
"""Columns of a sample."""
TABLE_SAMPLE_CELL_CHARS = 500
"""Characters of one cell of a sample."""
TABLE_SAMPLE_CHARS = 1_000_000
"""Characters of all cells of a sample."""
# --- workspace files -----------------------------------------------------------------------------------------------------

WORKSPACE_ACCESS_ENTRIES = 200
"""Users, service principals and groups in the access list of one workspace directory or file."""
WORKSPACE_DIRECTORY_ENTRIES = 10_000
"""Entries of one directory of workspace files that a list returns; a larger one is refused."""
WORKSPACE_FILE_BYTES = 500 << 20
"""Bytes of one workspace file."""
WORKSPACE_IMPORT_BYTES = 10 << 20
"""Bytes of a workspace file that comes or goes as base64 within JSON."""
