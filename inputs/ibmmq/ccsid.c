/* Coded character set identifiers (IBM's CDRA) that the codec reads. */
#include "input_ibmmq/ibmmq.h"

static const struct {
	int32_t ccsid;
	const char *name;
} sets[] = {
	{37, "IBM-037"}, {273, "IBM-273"}, {277, "IBM-277"}, {278, "IBM-278"}, {280, "IBM-280"}, {284, "IBM-284"}, {285, "IBM-285"}, {290, "IBM-290"},
	{297, "IBM-297"}, {367, "UTF-8"}, {420, "IBM-420"}, {424, "IBM-424"}, {500, "IBM-500"}, {819, "ISO-8859-1"}, {870, "IBM-870"}, {871, "IBM-871"},
	{875, "IBM-875"}, {880, "IBM-880"}, {905, "IBM-905"}, {918, "IBM-918"}, {923, "ISO-8859-15"}, {930, "IBM-930"}, {933, "IBM-933"}, {935, "IBM-935"},
	{937, "IBM-937"}, {939, "IBM-939"}, {1025, "IBM-1025"}, {1026, "IBM-1026"}, {1047, "IBM-1047"}, {1097, "IBM-1097"}, {1112, "IBM-1112"},
	{1122, "IBM-1122"}, {1123, "IBM-1123"}, {1130, "IBM-1130"}, {1132, "IBM-1132"}, {1137, "IBM-1137"}, {1140, "IBM-1140"}, {1141, "IBM-1141"},
	{1142, "IBM-1142"}, {1143, "IBM-1143"}, {1144, "IBM-1144"}, {1145, "IBM-1145"}, {1146, "IBM-1146"}, {1147, "IBM-1147"}, {1148, "IBM-1148"},
	{1149, "IBM-1149"}, {1153, "IBM-1153"}, {1154, "IBM-1154"}, {1155, "IBM-1155"}, {1156, "IBM-1156"}, {1157, "IBM-1157"}, {1158, "IBM-1158"},
	{1160, "IBM-1160"}, {1164, "IBM-1164"}, {1166, "IBM-1166"}, {1208, "UTF-8"}, {1252, "windows-1252"}, {1364, "IBM-1364"}, {1371, "IBM-1371"},
	{1388, "IBM-1388"}, {1390, "IBM-1390"}, {1399, "IBM-1399"}, {1201, "UTF-16BE"}, {1202, "UTF-16LE"}, {5348, "windows-1252"},
};

const char *ibmmq_encoding(int32_t ccsid, bool reversed)
{
	if (ccsid == 1200 || ccsid == 13488 || ccsid == 17584) /* UTF-16 and UCS-2, in the byte order of the message's Encoding */
		return reversed ? "UTF-16LE" : "UTF-16BE";
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		if (sets[i].ccsid == ccsid)
			return sets[i].name;
	return NULL;
}
