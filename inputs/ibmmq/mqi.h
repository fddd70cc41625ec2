/* mqi.h - the part of IBM MQ's Message Queue Interface that the input calls: the documented C binding, written from the tables of "IBM MQ
 * Developing applications reference" ("Data types used in the MQI", "Function calls"), in the lowest structure versions that carry what is needed.
 * The names are the manual's. There is no SDK at build time; the library is loaded at run time (library.c).
 * tests/unit/input_ibmmq/abi.py compares sizes, offsets and values with IBM's own cmqc.h and cmqxc.h where those can be had.
 */
#ifndef MQI_H
#define MQI_H

#include <stdint.h>

enum {
	MQCC_OK = 0, MQCC_WARNING = 1, MQCC_FAILED = 2,

	MQCNO_HANDLE_SHARE_BLOCK = 0x40, MQCNO_CLIENT_BINDING = 0x800, MQCNO_RECONNECT_DISABLED = 0x2000000,
	MQCSP_AUTH_USER_ID_AND_PWD = 1, MQCSP_AUTH_ID_TOKEN = 2,
	MQCHT_CLNTCONN = 6, MQXPT_TCP = 2, MQPA_DEFAULT = 1, MQMCAT_PROCESS = 1, MQNPMS_FAST = 2,
	MQ_SUITE_B_NONE = 1,

	MQOT_Q = 1,
	MQOO_INPUT_SHARED = 0x2, MQOO_INQUIRE = 0x20, MQOO_SAVE_ALL_CONTEXT = 0x80, MQOO_FAIL_IF_QUIESCING = 0x2000,
	MQCO_NONE = 0,
	MQGMO_NO_WAIT = 0, MQGMO_WAIT = 0x1, MQGMO_SYNCPOINT = 0x2, MQGMO_ACCEPT_TRUNCATED_MSG = 0x40, MQGMO_FAIL_IF_QUIESCING = 0x2000,
	MQGMO_CONVERT = 0x4000, MQGMO_PROPERTIES_FORCE_MQRFH2 = 0x2000000,
	MQPMO_SYNCPOINT = 0x2, MQPMO_PASS_ALL_CONTEXT = 0x200, MQPMO_FAIL_IF_QUIESCING = 0x2000,

	MQIA_HARDEN_GET_BACKOUT = 8, MQIA_BACKOUT_THRESHOLD = 22, MQCA_BACKOUT_REQ_Q_NAME = 2019,
	MQQA_BACKOUT_HARDENED = 1,

	MQENC_INTEGER_MASK = 0xf, MQENC_INTEGER_NORMAL = 1, MQENC_INTEGER_REVERSED = 2, MQENC_NORMAL = 0x111, MQENC_REVERSED = 0x222,
	MQHC_UNUSABLE_HCONN = -1, MQHO_UNUSABLE_HOBJ = -1,
};

struct mqmd { /* version 2 */
	char StrucId[4]; /* "MD  " */
	int32_t Version, Report, MsgType, Expiry, Feedback, Encoding, CodedCharSetId;
	char Format[8];
	int32_t Priority, Persistence;
	uint8_t MsgId[24], CorrelId[24];
	int32_t BackoutCount;
	char ReplyToQ[48], ReplyToQMgr[48], UserIdentifier[12];
	uint8_t AccountingToken[32];
	char ApplIdentityData[32];
	int32_t PutApplType;
	char PutApplName[28], PutDate[8], PutTime[8], ApplOriginData[4];
	uint8_t GroupId[24];
	int32_t MsgSeqNumber, Offset, MsgFlags, OriginalLength;
};

struct mqgmo { /* version 1 */
	char StrucId[4]; /* "GMO " */
	int32_t Version, Options, WaitInterval /* ms */, Signal1, Signal2;
	char ResolvedQName[48];
};

struct mqod { /* version 1 */
	char StrucId[4]; /* "OD  " */
	int32_t Version, ObjectType;
	char ObjectName[48], ObjectQMgrName[48], DynamicQName[48], AlternateUserId[12];
};

struct mqpmo { /* version 1 */
	char StrucId[4]; /* "PMO " */
	int32_t Version, Options, Timeout, Context, KnownDestCount, UnknownDestCount, InvalidDestCount;
	char ResolvedQName[48], ResolvedQMgrName[48];
};

struct mqcd { /* version 7: the first one with TLS */
	char ChannelName[20];
	int32_t Version, ChannelType, TransportType;
	char Desc[64], QMgrName[48], XmitQName[48], ShortConnectionName[20], MCAName[20], ModeName[8], TpName[64];
	int32_t BatchSize, DiscInterval, ShortRetryCount, ShortRetryInterval, LongRetryCount, LongRetryInterval;
	char SecurityExit[128], MsgExit[128], SendExit[128], ReceiveExit[128];
	int32_t SeqNumberWrap, MaxMsgLength, PutAuthority, DataConversion;
	char SecurityUserData[32], MsgUserData[32], SendUserData[32], ReceiveUserData[32];
	char UserIdentifier[12], Password[12], MCAUserIdentifier[12];
	int32_t MCAType;
	char ConnectionName[264], RemoteUserIdentifier[12], RemotePassword[12];
	char MsgRetryExit[128], MsgRetryUserData[32];
	int32_t MsgRetryCount, MsgRetryInterval;
	int32_t HeartbeatInterval, BatchInterval, NonPersistentMsgSpeed, StrucLength, ExitNameLength, ExitDataLength;
	int32_t MsgExitsDefined, SendExitsDefined, ReceiveExitsDefined;
	void *MsgExitPtr, *MsgUserDataPtr, *SendExitPtr, *SendUserDataPtr, *ReceiveExitPtr, *ReceiveUserDataPtr;
	void *ClusterPtr;
	int32_t ClustersDefined, NetworkPriority;
	int32_t LongMCAUserIdLength, LongRemoteUserIdLength;
	void *LongMCAUserIdPtr, *LongRemoteUserIdPtr;
	uint8_t MCASecurityId[40], RemoteSecurityId[40];
	char SSLCipherSpec[32];
	void *SSLPeerNamePtr;
	int32_t SSLPeerNameLength, SSLClientAuth, KeepAliveInterval;
	char LocalAddress[48];
	int32_t BatchHeartbeat;
};

struct mqsco { /* version 6; 1 without certificate label and password */
	char StrucId[4]; /* "SCO " */
	int32_t Version;
	char KeyRepository[256], CryptoHardware[256];
	int32_t AuthInfoRecCount, AuthInfoRecOffset;
	void *AuthInfoRecPtr;
	int32_t KeyResetCount, FipsRequired, EncryptionPolicySuiteB[4], CertificateValPolicy;
	char CertificateLabel[64];
	void *KeyRepoPasswordPtr;
	int32_t KeyRepoPasswordOffset, KeyRepoPasswordLength;
};

struct mqcsp { /* version 3; 1 without a token */
	char StrucId[4]; /* "CSP " */
	int32_t Version, AuthenticationType;
	uint8_t Reserved1[4];
	void *CSPUserIdPtr;
	int32_t CSPUserIdOffset, CSPUserIdLength;
	uint8_t Reserved2[8];
	void *CSPPasswordPtr;
	int32_t CSPPasswordOffset, CSPPasswordLength;
	uint8_t Reserved3[8];
	void *InitialKeyPtr;
	int32_t InitialKeyOffset, InitialKeyLength;
	uint8_t Reserved4[8];
	void *TokenPtr;
	int32_t TokenOffset, TokenLength;
};

struct mqcno { /* version 6; 2 without TLS, 4 without authentication, 5 without a CCDT */
	char StrucId[4]; /* "CNO " */
	int32_t Version, Options, ClientConnOffset;
	void *ClientConnPtr;
	uint8_t ConnTag[128];
	struct mqsco *SSLConfigPtr;
	int32_t SSLConfigOffset;
	uint8_t ConnectionId[24];
	int32_t SecurityParmsOffset;
	struct mqcsp *SecurityParmsPtr;
	char *CCDTUrlPtr;
	int32_t CCDTUrlOffset, CCDTUrlLength;
	uint8_t Reserved[8];
};

/* The calls. Names of queue managers have 48 characters, blank-padded. */
struct mqi {
	void (*connx)(char *qmgr, struct mqcno *cno, int32_t *hconn, int32_t *cc, int32_t *rc);
	void (*disc)(int32_t *hconn, int32_t *cc, int32_t *rc);
	void (*open)(int32_t hconn, void *od, int32_t options, int32_t *hobj, int32_t *cc, int32_t *rc);
	void (*close)(int32_t hconn, int32_t *hobj, int32_t options, int32_t *cc, int32_t *rc);
	void (*get)(int32_t hconn, int32_t hobj, void *md, void *gmo, int32_t size, void *buffer, int32_t *length, int32_t *cc, int32_t *rc);
	void (*put1)(int32_t hconn, void *od, void *md, void *pmo, int32_t size, void *buffer, int32_t *cc, int32_t *rc);
	void (*inq)(int32_t hconn, int32_t hobj, int32_t selectors, int32_t *selector, int32_t ints, int32_t *values, int32_t chars, char *text,
	            int32_t *cc, int32_t *rc);
	void (*cmit)(int32_t hconn, int32_t *cc, int32_t *rc);
	void (*back)(int32_t hconn, int32_t *cc, int32_t *rc);
};

#endif
