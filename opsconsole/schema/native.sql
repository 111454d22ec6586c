-- The core's tables, native variant, as the core's own ORM creates them: one enum type per column, json,
-- timestamps without time zone (naive UTC), bigserial, and no defaults in the database: whoever inserts sets
-- every column. One section per table, in the order in which they can be created; a `-- table:` line starts a
-- section, so that a core which lacks only some tables can be completed.

-- table: providers
CREATE TABLE providers (
    provider_id varchar(32) NOT NULL,
    display_name varchar(64) NOT NULL,
    enabled boolean NOT NULL,
    created_at timestamp without time zone NOT NULL,
    CONSTRAINT providers_pkey PRIMARY KEY (provider_id)
);

-- table: identities
CREATE TABLE identities (
    id bigserial NOT NULL,
    provider_id varchar(32) NOT NULL,
    external_username varchar(128) NOT NULL,
    external_user_id varchar(128),
    display_name varchar(128) NOT NULL,
    voice_config_json json,
    is_default boolean NOT NULL,
    is_active boolean NOT NULL,
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL,
    CONSTRAINT identities_pkey PRIMARY KEY (id),
    CONSTRAINT uq_identities_provider_id_external_username UNIQUE (provider_id, external_username),
    CONSTRAINT fk_identities_provider_id_providers
        FOREIGN KEY (provider_id) REFERENCES providers (provider_id)
);
CREATE INDEX ix_identities_provider_id ON identities (provider_id);
CREATE INDEX ix_identities_provider_id_is_default ON identities (provider_id, is_default);

-- table: provider_credentials
CREATE TABLE provider_credentials (
    id bigserial NOT NULL,
    provider_id varchar(32) NOT NULL,
    identity_id bigint,
    credential_type varchar(64) NOT NULL,
    secret_encrypted text NOT NULL,
    created_at timestamp without time zone NOT NULL,
    rotated_at timestamp without time zone,
    CONSTRAINT provider_credentials_pkey PRIMARY KEY (id),
    CONSTRAINT uq_provider_credentials_identity_id_credential_type
        UNIQUE (provider_id, identity_id, credential_type),
    CONSTRAINT fk_provider_credentials_provider_id_providers
        FOREIGN KEY (provider_id) REFERENCES providers (provider_id),
    CONSTRAINT fk_provider_credentials_identity_id_identities
        FOREIGN KEY (identity_id) REFERENCES identities (id)
);

-- table: external_accounts
CREATE TYPE external_account_remote_status_enum AS ENUM ('active', 'deleted', 'suspended', 'unknown');
CREATE TABLE external_accounts (
    id bigserial NOT NULL,
    provider_id varchar(32) NOT NULL,
    external_user_id varchar(128),
    external_username varchar(128) NOT NULL,
    remote_status external_account_remote_status_enum NOT NULL,
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL,
    CONSTRAINT external_accounts_pkey PRIMARY KEY (id),
    CONSTRAINT uq_external_accounts_provider_id_external_username UNIQUE (provider_id, external_username)
);

-- table: conversations
CREATE TABLE conversations (
    id bigserial NOT NULL,
    provider_id varchar(32) NOT NULL,
    external_conversation_id varchar(128) NOT NULL,
    counterpart_account_id bigint NOT NULL,
    identity_id bigint NOT NULL,
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL,
    last_activity_at timestamp without time zone,
    archived_at timestamp without time zone,
    deleted_at timestamp without time zone,
    CONSTRAINT conversations_pkey PRIMARY KEY (id),
    CONSTRAINT uq_conversations_provider_id_external_conversation_id
        UNIQUE (provider_id, external_conversation_id),
    CONSTRAINT fk_conversations_counterpart_account_id_external_accounts
        FOREIGN KEY (counterpart_account_id) REFERENCES external_accounts (id),
    CONSTRAINT fk_conversations_identity_id_identities FOREIGN KEY (identity_id) REFERENCES identities (id)
);
CREATE INDEX ix_conversations_counterpart_account_id ON conversations (counterpart_account_id);
CREATE INDEX ix_conversations_identity_id ON conversations (identity_id);
CREATE INDEX ix_conversations_last_activity_at ON conversations (last_activity_at);

-- table: messages
CREATE TYPE message_direction_enum AS ENUM ('in', 'out', 'system');
CREATE TYPE message_remote_visibility_enum
    AS ENUM ('visible', 'deleted_by_author', 'removed', 'unknown', 'send_failed');
CREATE TABLE messages (
    id bigserial NOT NULL,
    provider_id varchar(32) NOT NULL,
    external_message_id varchar(128),
    conversation_id bigint NOT NULL,
    identity_id bigint,
    direction message_direction_enum NOT NULL,
    sent_at timestamp without time zone NOT NULL,
    body_text text,
    remote_visibility message_remote_visibility_enum NOT NULL,
    remote_deleted_at timestamp without time zone,
    deleted_at timestamp without time zone,
    created_at timestamp without time zone NOT NULL,
    CONSTRAINT messages_pkey PRIMARY KEY (id),
    CONSTRAINT uq_messages_provider_id_external_message_id UNIQUE (provider_id, external_message_id),
    CONSTRAINT fk_messages_conversation_id_conversations
        FOREIGN KEY (conversation_id) REFERENCES conversations (id),
    CONSTRAINT fk_messages_identity_id_identities FOREIGN KEY (identity_id) REFERENCES identities (id)
);
CREATE INDEX ix_messages_conversation_id_sent_at ON messages (conversation_id, sent_at);
CREATE INDEX ix_messages_identity_id ON messages (identity_id);

-- table: jobs
CREATE TYPE job_status_enum AS ENUM ('queued', 'running', 'retrying', 'failed', 'done', 'cancelled');
CREATE TABLE jobs (
    id bigserial NOT NULL,
    queue_name varchar(64) NOT NULL,
    job_type varchar(64) NOT NULL,
    payload_json json NOT NULL,
    status job_status_enum NOT NULL,
    attempts integer NOT NULL,
    max_attempts integer NOT NULL,
    next_run_at timestamp without time zone,
    last_error text,
    dedupe_key varchar(256),
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL,
    CONSTRAINT jobs_pkey PRIMARY KEY (id),
    CONSTRAINT uq_jobs_dedupe_key UNIQUE (dedupe_key)
);
CREATE INDEX ix_jobs_status_next_run_at ON jobs (status, next_run_at);

-- table: audit_log
CREATE TYPE audit_log_actor_enum AS ENUM ('user', 'system', 'agent');
CREATE TYPE audit_log_result_enum AS ENUM ('ok', 'error');
CREATE TABLE audit_log (
    id bigserial NOT NULL,
    ts timestamp without time zone NOT NULL,
    actor audit_log_actor_enum NOT NULL,
    action_type varchar(128) NOT NULL,
    provider_id varchar(32),
    identity_id bigint,
    entity_type varchar(64),
    entity_id bigint,
    request_json json,
    response_json json,
    result audit_log_result_enum NOT NULL,
    error_detail text,
    CONSTRAINT audit_log_pkey PRIMARY KEY (id)
);
CREATE INDEX ix_audit_log_ts ON audit_log (ts);
CREATE INDEX ix_audit_log_action_type ON audit_log (action_type);
CREATE INDEX ix_audit_log_provider_id ON audit_log (provider_id);
CREATE INDEX ix_audit_log_identity_id ON audit_log (identity_id);

-- table: local_users
CREATE TABLE local_users (
    id bigserial NOT NULL,
    username varchar(64) NOT NULL,
    password_hash varchar(255) NOT NULL,
    created_at timestamp without time zone NOT NULL,
    last_login_at timestamp without time zone,
    CONSTRAINT local_users_pkey PRIMARY KEY (id),
    CONSTRAINT uq_local_users_username UNIQUE (username)
);

-- table: sessions
CREATE TABLE sessions (
    id varchar(36) NOT NULL,
    user_id bigint NOT NULL,
    created_at timestamp without time zone NOT NULL,
    expires_at timestamp without time zone NOT NULL,
    data_json json,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT fk_sessions_user_id_local_users FOREIGN KEY (user_id) REFERENCES local_users (id)
);

-- table: backup_runs
CREATE TYPE backup_run_kind_enum AS ENUM ('database', 'attachments');
CREATE TYPE backup_run_status_enum AS ENUM ('running', 'succeeded', 'failed');
CREATE TYPE backup_run_trigger_enum AS ENUM ('manual', 'scheduled');
CREATE TABLE backup_runs (
    id bigserial NOT NULL,
    kind backup_run_kind_enum NOT NULL,
    status backup_run_status_enum NOT NULL,
    trigger backup_run_trigger_enum NOT NULL,
    job_id bigint,
    started_at timestamp without time zone NOT NULL,
    completed_at timestamp without time zone,
    storage_key varchar(512),
    size_bytes bigint,
    sha256 char(64),
    manifest_json json,
    error text,
    removed_at timestamp without time zone,
    CONSTRAINT backup_runs_pkey PRIMARY KEY (id)
);
CREATE INDEX ix_backup_runs_kind_status_completed_at ON backup_runs (kind, status, completed_at);

-- table: restore_tests
CREATE TYPE restore_test_status_enum AS ENUM ('running', 'passed', 'failed', 'could_not_verify');
CREATE TYPE restore_test_trigger_enum AS ENUM ('manual', 'scheduled');
CREATE TABLE restore_tests (
    id bigserial NOT NULL,
    backup_run_id bigint NOT NULL,
    status restore_test_status_enum NOT NULL,
    trigger restore_test_trigger_enum NOT NULL,
    job_id bigint,
    started_at timestamp without time zone NOT NULL,
    completed_at timestamp without time zone,
    checks_json json,
    attachments_sampled integer NOT NULL,
    attachments_verified integer NOT NULL,
    error text,
    CONSTRAINT restore_tests_pkey PRIMARY KEY (id),
    CONSTRAINT fk_restore_tests_backup_run_id_backup_runs
        FOREIGN KEY (backup_run_id) REFERENCES backup_runs (id)
);
