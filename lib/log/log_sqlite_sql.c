/* SPDX-License-Identifier: MIT */
/*
 * log_sqlite_sql: every SQL statement of the log, as data.
 *
 * Each finds its rows by an index or by id; what walks a table says so. The
 * numbers of the parameters are those that the callers bind.
 */
#include "log/log_sqlite_impl.h"

#define POSITION_IS(t) \
	t "tenant = ?1 AND " t "channel = ?2 AND " t "epoch = ?3 AND " t \
	  "offset = ?4"
#define SAME_POSITION(a, b) \
	a ".tenant = " b ".tenant AND " a ".channel = " b ".channel AND " a \
	  ".epoch = " b ".epoch AND " a ".offset = " b ".offset"

static const char *const sql[DN_SQ_STATEMENTS] = {
    [DN_SQ_BEGIN] = "BEGIN IMMEDIATE",
    [DN_SQ_COMMIT] = "COMMIT",
    [DN_SQ_META_GET] = "SELECT value FROM meta WHERE key = ?1",
    [DN_SQ_META_PUT] = "REPLACE INTO meta(key, value) VALUES(?1, ?2)",

    [DN_SQ_RECORD_PUT] = "INSERT INTO records(" DN_SQ_COLUMNS ")"
			 " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
			 " ON CONFLICT DO NOTHING",
    [DN_SQ_RECORD_SAME] = "SELECT id, value = ?5 FROM records"
			  " WHERE " POSITION_IS(""),
    [DN_SQ_OPEN_PUT] = "INSERT OR IGNORE INTO open(record) VALUES(?1)",
    [DN_SQ_OPEN_DEL] = "DELETE FROM open WHERE record ="
		       " (SELECT id FROM records WHERE " POSITION_IS("") ")",
    [DN_SQ_FINAL_SEQ] = "SELECT seq FROM final"
			" WHERE tenant = ?1 AND request_id = ?2",
    /* The newest goes to the end, as in a compacted topic. */
    [DN_SQ_FINAL_PUT] = "REPLACE INTO final(" DN_SQ_COLUMNS ")"
			" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [DN_SQ_UNDELIVERED_PUT] =
	"INSERT INTO undelivered(" DN_SQ_COLUMNS ", uid, reason, attempts,"
	" first_us, not_before_us, key, history)"
	" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
	" ?15, ?16) ON CONFLICT DO NOTHING",
    [DN_SQ_TAKEN_PUT] = "INSERT OR IGNORE INTO"
			" taken(tenant, channel, epoch, offset, uid, ts_us)"
			" VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [DN_SQ_REMOVED_PUT] =
	"INSERT INTO positions(tenant, channel, epoch, offset, removed, ts_us)"
	" VALUES(?1, ?2, ?3, ?4, ?4, ?5)"
	" ON CONFLICT(tenant, channel) DO UPDATE SET"
	" offset = CASE WHEN epoch = ?3 THEN max(offset, ?4) ELSE ?4 END,"
	" removed = CASE WHEN epoch = ?3 THEN max(removed, ?4) ELSE ?4 END,"
	" epoch = ?3, ts_us = ?5",
    [DN_SQ_POSITION_PUT] =
	"REPLACE INTO positions(tenant, channel, epoch, offset, removed, ts_us)"
	" VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [DN_SQ_REVOKED_PUT] = "REPLACE INTO revoked(tenant, kind, subject,"
			  " issued_before, expire_at, ts_us)"
			  " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",

    [DN_SQ_REMOVED_GET] = "SELECT removed FROM positions"
			  " WHERE tenant = ?1 AND channel = ?2 AND epoch = ?3",
    [DN_SQ_READ_UP] = "SELECT " DN_SQ_ROW " FROM records"
		      " WHERE tenant = ?1 AND channel = ?2 AND epoch = ?3"
		      " AND offset > ?4 ORDER BY offset LIMIT ?5",
    [DN_SQ_READ_DOWN] =
	"SELECT " DN_SQ_ROW " FROM records"
	" WHERE tenant = ?1 AND channel = ?2 AND epoch = ?3"
	" AND offset > ?6 AND offset < ?4 ORDER BY offset DESC LIMIT ?5",
    [DN_SQ_EPOCH_NEXT] = "SELECT epoch FROM records"
			 " WHERE tenant = ?1 AND channel = ?2 AND epoch > ?3"
			 " ORDER BY epoch LIMIT 1",
    [DN_SQ_EPOCH_FIRST] = "SELECT id, ts_us FROM records"
			  " WHERE tenant = ?1 AND channel = ?2 AND epoch = ?3"
			  " ORDER BY offset LIMIT 1",
    [DN_SQ_EPOCH_SEEN] = "SELECT ts_us FROM positions"
			 " WHERE tenant = ?1 AND channel = ?2 AND epoch = ?3",
    [DN_SQ_EPOCH_READ] =
	"SELECT " DN_SQ_ROW " FROM records"
	" WHERE tenant = ?1 AND channel = ?2 AND epoch = ?3"
	" AND offset > ?4 AND ts_us >= ?6 ORDER BY offset LIMIT ?5",
    /* min(id) alone would walk the table from its oldest record. */
    [DN_SQ_SCAN_FROM] = "SELECT min(+id) FROM records WHERE ts_us >= ?1",
    [DN_SQ_SCAN] = "SELECT " DN_SQ_ROW " FROM records"
		   " WHERE id >= ?1 AND +ts_us >= ?2 ORDER BY id",

    [DN_SQ_OPEN_LIST] =
	"SELECT r.id, r.tenant, r.channel, r.offset, r.epoch, r.request_id,"
	" r.seq, r.status, r.ts_us, r.value, o.record"
	" FROM open o LEFT JOIN records r ON r.id = o.record"
	" WHERE o.record > ?1 ORDER BY o.record LIMIT ?2",
    [DN_SQ_OPEN_CLEAR] = "DELETE FROM open WHERE record = ?1",
    [DN_SQ_POSITIONS] = "SELECT tenant, channel, epoch, offset, removed, ts_us"
			" FROM positions ORDER BY id",
    [DN_SQ_EPOCH_LAST] = "SELECT max(offset) FROM records"
			 " WHERE tenant = ?1 AND channel = ?2 AND epoch = ?3",
    [DN_SQ_TAKEN_LIST] =
	"SELECT coalesce(t.uid, u.uid), t.tenant, t.channel, t.epoch, t.offset"
	" FROM taken t LEFT JOIN undelivered u"
	" ON t.uid IS NULL AND " SAME_POSITION("u", "t") " ORDER BY t.id",
    [DN_SQ_REVOKED_LIST] =
	"SELECT tenant, kind, subject, issued_before, expire_at FROM revoked"
	" WHERE expire_at IS NULL OR expire_at > ?1 ORDER BY id",
    [DN_SQ_TRIM_PICK] = "SELECT id, ts_us FROM records"
			" WHERE (ts_us, id) > (?1, ?2) AND ts_us < ?3"
			" ORDER BY ts_us, id LIMIT ?4",
    [DN_SQ_TRIM_RECORD] =
	"DELETE FROM records AS r WHERE id = ?1"
	" AND NOT EXISTS (SELECT 1 FROM open o WHERE o.record = r.id)"
	" AND NOT EXISTS (SELECT 1 FROM undelivered u"
	" WHERE " SAME_POSITION("u", "r") ")",
    /* The ids of these ascend with their time. */
    [DN_SQ_TRIM_FINAL] = "DELETE FROM final WHERE ts_us < ?1 AND id IN"
			 " (SELECT id FROM final ORDER BY id LIMIT ?2)",
    [DN_SQ_TRIM_DEAD] = "DELETE FROM dead WHERE buried_us < ?1 AND id IN"
			" (SELECT id FROM dead ORDER BY id LIMIT ?2)",
    [DN_SQ_TRIM_POSITIONS] = "DELETE FROM positions WHERE ts_us < ?1 AND id IN"
			     " (SELECT id FROM positions ORDER BY id LIMIT ?2)",
    [DN_SQ_TRIM_REVOKED] = "DELETE FROM revoked WHERE id IN (SELECT id"
			   " FROM revoked WHERE expire_at <= ?1 LIMIT ?2)",
    [DN_SQ_TRIM_TAKEN] =
	"DELETE FROM taken WHERE id IN (SELECT id FROM taken t"
	" WHERE ts_us < ?1 AND NOT EXISTS (SELECT 1 FROM undelivered u"
	" WHERE u.uid = t.uid) AND NOT EXISTS (SELECT 1 FROM undelivered u"
	" WHERE t.uid IS NULL AND " SAME_POSITION("u", "t") ") LIMIT ?2)",

    [DN_SQ_UNDELIVERED_LIST] =
	"SELECT " DN_SQ_ROW ", uid, reason, key, attempts, first_us,"
	" not_before_us, EXISTS (SELECT 1 FROM taken t WHERE t.uid = u.uid)"
	" OR EXISTS (SELECT 1 FROM taken t WHERE t.uid IS NULL"
	" AND " SAME_POSITION(
	    "t", "u") ")"
		      " FROM undelivered u WHERE tenant = ?1 AND id > ?2"
		      " ORDER BY id LIMIT ?3",
    [DN_SQ_UNDELIVERED_GET] =
	"SELECT " DN_SQ_ROW ", uid, reason, key, attempts, first_us,"
	" not_before_us, history FROM undelivered WHERE id = ?1",
    [DN_SQ_UNDELIVERED_SET] =
	"UPDATE undelivered SET value = ?2, reason = ?3, attempts = ?4,"
	" not_before_us = ?5, history = ?6 WHERE id = ?1",
    [DN_SQ_UNDELIVERED_DEL] = "DELETE FROM undelivered WHERE id = ?1",
    [DN_SQ_TAKEN_DEL] =
	"DELETE FROM taken WHERE id IN (SELECT t.id FROM undelivered u, taken t"
	" WHERE u.id = ?1 AND t.uid = u.uid UNION ALL"
	" SELECT t.id FROM undelivered u, taken t WHERE u.id = ?1"
	" AND t.uid IS NULL AND " SAME_POSITION("t", "u") ")",
    [DN_SQ_FINAL_GET] = "SELECT " DN_SQ_ROW " FROM final"
			" WHERE tenant = ?1 AND request_id = ?2",
    [DN_SQ_DEAD_PUT] =
	"INSERT INTO dead(" DN_SQ_COLUMNS ", uid, reason, attempts,"
	" first_us, key, history, buried_us)"
	" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
	" ?15, ?16)",
    [DN_SQ_DEAD_LIST] = "SELECT " DN_SQ_ROW " FROM dead"
			" WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
    [DN_SQ_DEAD_PICK] = "SELECT " DN_SQ_ROW ", uid, key, history FROM dead"
			" WHERE tenant = ?1 AND id > ?2 AND id <= ?3"
			" ORDER BY id LIMIT ?4",
    [DN_SQ_DEAD_DEL] = "DELETE FROM dead WHERE id = ?1",
};

const char *dn_sq_sql(enum dn_sq_id id)
{
	return sql[id];
}
