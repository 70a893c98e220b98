/* The hot rules of reading once more, in C, for answers that are just as servers mostly write them.

   Each function has its twin in Python, which decides whatever is unusual: here that ends in None, or
   in a count of how far this went. None of them reads JSON.
*/
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { HEADERS_LIMIT = 128, MOST_DIGITS = 15 };

/* ---- where in time a byte of a tape is ---- */

struct tape {
    const char *data;
    Py_ssize_t length;
    PyObject *ends, *times; /* lists of the same size */
    Py_ssize_t read, reads, end; /* the read that is looked at, how many there are, where it ends */
};

static bool open_tape(struct tape *tape, PyObject *data, PyObject *ends, PyObject *times)
{
    tape->data = PyBytes_AS_STRING(data);
    tape->length = PyBytes_GET_SIZE(data);
    tape->ends = ends;
    tape->times = times;
    tape->read = -1;
    tape->reads = PyList_GET_SIZE(ends);
    tape->end = 0;
    return PyList_GET_SIZE(times) == tape->reads;
}

/* Go on to the read that brought byte `at`; false when none did. */
static bool seek(struct tape *tape, Py_ssize_t at)
{
    while (tape->end <= at) {
        if (++tape->read >= tape->reads)
            return false;
        tape->end = PyLong_AsSsize_t(PyList_GET_ITEM(tape->ends, tape->read));
        if (tape->end > tape->length || (tape->end < 0 && PyErr_Occurred()))
            return false;
    }
    return true;
}

static PyObject *time_here(struct tape *tape)
{
    return PyList_GET_ITEM(tape->times, tape->read);
}

static bool append_owned(PyObject *list, PyObject *item)
{
    bool done = item && PyList_Append(list, item) == 0;
    Py_XDECREF(item);
    return done;
}

/* Append (time, bytes) for each read that brought some of [from, upto). */
static bool append_pieces(struct tape *tape, Py_ssize_t from, Py_ssize_t upto, PyObject *pieces)
{
    while (from < upto) {
        if (!seek(tape, from))
            return false;
        Py_ssize_t stop = tape->end < upto ? tape->end : upto;
        PyObject *bytes = PyBytes_FromStringAndSize(tape->data + from, stop - from);
        PyObject *piece = bytes ? PyTuple_Pack(2, time_here(tape), bytes) : NULL;
        Py_XDECREF(bytes);
        if (!append_owned(pieces, piece))
            return false;
        from = stop;
    }
    return true;
}

/* ---- a head ---- */

static bool is_token(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool is_printable(const char *text, Py_ssize_t length)
{
    for (Py_ssize_t i = 0; i < length; i++)
        if (text[i] < ' ' || text[i] == 0x7f)
            return false;
    return true;
}

/* Take "Name: value" into `headers`, the name in lower case; false for any other form, and for a repeat. */
static bool take_header(const char *line, Py_ssize_t length, PyObject *headers)
{
    char name[64];
    Py_ssize_t size = 0;
    while (size < length && size < (Py_ssize_t)sizeof name && is_token((unsigned char)line[size])) {
        char c = line[size];
        name[size++] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    if (!size || size + 1 >= length || line[size] != ':' || line[size + 1] != ' ')
        return false;
    const char *value = line + size + 2;
    Py_ssize_t rest = length - size - 2;
    if (!is_printable(value, rest) || (rest && (value[0] == ' ' || value[rest - 1] == ' ')))
        return false;
    PyObject *key = PyUnicode_DecodeLatin1(name, size, NULL);
    PyObject *text = PyUnicode_DecodeLatin1(value, rest, NULL);
    bool fresh = key && text && PyDict_Contains(headers, key) == 0 && PyDict_SetItem(headers, key, text) == 0;
    Py_XDECREF(key);
    Py_XDECREF(text);
    return fresh;
}

/* Take a head apart; the byte after it, or 0 when it is not the plain head of a final answer. */
static Py_ssize_t take_head(const char *data, Py_ssize_t length, int *status, PyObject *headers)
{
    if (length < 17 || memcmp(data, "HTTP/1.1 2", 10) != 0 || data[12] != ' ')
        return 0;
    *status = 200;
    for (int i = 10; i < 12; i++) {
        if (data[i] < '0' || data[i] > '9')
            return 0;
        *status += (data[i] - '0') * (i == 10 ? 10 : 1);
    }
    Py_ssize_t at = 0;
    for (int lines = 0; lines < HEADERS_LIMIT; lines++) {
        const char *end = memchr(data + at, '\r', (size_t)(length - at));
        if (!end || end + 1 >= data + length || end[1] != '\n')
            return 0;
        Py_ssize_t size = end - (data + at);
        if (!size)
            return at + 2;
        if (at && !take_header(data + at, size, headers))
            return 0;
        if (!at && !is_printable(data, size))
            return 0;
        at += size + 2;
    }
    return 0;
}

/* ---- a body ---- */

/* The size on a plain line of hexadecimal digits; the byte after the line, or 0. */
static Py_ssize_t chunk_size(const char *data, Py_ssize_t at, Py_ssize_t length, Py_ssize_t *size)
{
    Py_ssize_t start = at;
    *size = 0;
    for (; at < length && at - start <= MOST_DIGITS; at++) {
        unsigned char c = (unsigned char)data[at], low = c | 0x20;
        if (c >= '0' && c <= '9')
            *size = *size * 16 + (c - '0');
        else if (low >= 'a' && low <= 'f')
            *size = *size * 16 + (low - 'a' + 10);
        else
            break;
    }
    bool plain = at > start && at - start <= MOST_DIGITS && at + 2 <= length && data[at] == '\r' && data[at + 1] == '\n';
    return plain ? at + 2 : 0;
}

/* Pieces of a chunked body that ends with the tape; false for anything unusual. */
static bool take_chunks(struct tape *tape, Py_ssize_t at, PyObject *pieces)
{
    for (;;) {
        Py_ssize_t size, start = chunk_size(tape->data, at, tape->length, &size);
        if (!start || size > tape->length - start - 2)
            return false;
        at = start + size + 2;
        if (tape->data[at - 2] != '\r' || tape->data[at - 1] != '\n')
            return false;
        if (!size)
            return at == tape->length;
        if (!append_pieces(tape, start, start + size, pieces))
            return false;
    }
}

/* 1: declared and equal to what came; 0: anything else. */
static bool is_whole(PyObject *declared, Py_ssize_t came)
{
    Py_ssize_t digits, value = 0;
    const char *text = PyUnicode_AsUTF8AndSize(declared, &digits);
    if (!text || !digits || digits > MOST_DIGITS)
        return false;
    for (Py_ssize_t i = 0; i < digits; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (text[i] - '0');
    }
    return value == came;
}

static bool take_body(struct tape *tape, Py_ssize_t at, PyObject *headers, PyObject *pieces)
{
    PyObject *coding = PyDict_GetItemString(headers, "transfer-encoding");
    PyObject *length = PyDict_GetItemString(headers, "content-length");
    if (PyDict_GetItemString(headers, "upgrade") || !coding == !length)
        return false;
    if (coding)
        return PyUnicode_CompareWithASCIIString(coding, "chunked") == 0 && take_chunks(tape, at, pieces);
    return is_whole(length, tape->length - at) && append_pieces(tape, at, tape->length, pieces);
}

static PyObject *quick_response(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *data, *ends, *times;
    if (!PyArg_ParseTuple(args, "SO!O!:response", &data, &PyList_Type, &ends, &PyList_Type, &times))
        return NULL;
    struct tape tape;
    PyObject *headers = PyDict_New(), *pieces = PyList_New(0), *result = NULL;
    int status;
    if (headers && pieces && open_tape(&tape, data, ends, times)) {
        Py_ssize_t body = take_head(tape.data, tape.length, &status, headers);
        if (body && status != 204 && seek(&tape, body - 1)) {
            PyObject *head_ns = time_here(&tape);
            if (take_body(&tape, body, headers, pieces))
                result = Py_BuildValue("iOOO", status, headers, head_ns, pieces);
        }
    }
    Py_XDECREF(headers);
    Py_XDECREF(pieces);
    if (result || PyErr_Occurred())
        return result;
    Py_RETURN_NONE;
}

/* ---- events ---- */

static PyObject *quick_events(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *pieces;
    Py_ssize_t start;
    if (!PyArg_ParseTuple(args, "O!n:events", &PyList_Type, &pieces, &start))
        return NULL;
    PyObject *times = PyList_New(0), *data = PyList_New(0);
    for (Py_ssize_t i = start; times && data && i < PyList_GET_SIZE(pieces); i++) {
        PyObject *piece = PyList_GET_ITEM(pieces, i), *at, *bytes;
        if (!PyArg_ParseTuple(piece, "OS", &at, &bytes))
            break;
        const char *text = PyBytes_AS_STRING(bytes);
        Py_ssize_t size = PyBytes_GET_SIZE(bytes);
        if (size < 8 || memcmp(text, "data: ", 6) != 0 || text[size - 1] != '\n' ||
            memchr(text, '\n', (size_t)size) != text + size - 2 || memchr(text, '\r', (size_t)size))
            break;
        if (PyList_Append(times, at) < 0 || !append_owned(data, PyBytes_FromStringAndSize(text + 6, size - 8)))
            break;
    }
    PyObject *result = PyErr_Occurred() ? NULL : PyTuple_Pack(2, times, data);
    Py_XDECREF(times);
    Py_XDECREF(data);
    return result;
}

/* Whether bytes may stand inside a JSON string as they are, short escapes included. */
static bool is_plain_text(const char *text, Py_ssize_t length)
{
    bool ascii = true;
    for (Py_ssize_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < ' ' || c == '"')
            return false;
        if (c == '\\' && (++i >= length || !text[i] || !strchr("\"\\/bfnrt", text[i])))
            return false;
        ascii &= c < 0x80;
    }
    if (ascii)
        return true;
    PyObject *decoded = PyUnicode_DecodeUTF8(text, length, NULL);
    if (!decoded)
        PyErr_Clear();
    Py_XDECREF(decoded);
    return decoded != NULL;
}

static PyObject *quick_alike(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *data;
    const char *before, *after;
    Py_ssize_t start, before_size, after_size;
    if (!PyArg_ParseTuple(args, "O!ny#y#:alike", &PyList_Type, &data, &start, &before, &before_size, &after,
                          &after_size))
        return NULL;
    Py_ssize_t i = start;
    for (; i < PyList_GET_SIZE(data); i++) {
        PyObject *item = PyList_GET_ITEM(data, i);
        if (!PyBytes_Check(item))
            break;
        const char *text = PyBytes_AS_STRING(item);
        Py_ssize_t length = PyBytes_GET_SIZE(item) - before_size - after_size;
        if (length <= 0 || memcmp(text, before, (size_t)before_size) != 0 ||
            memcmp(text + before_size + length, after, (size_t)after_size) != 0 ||
            !is_plain_text(text + before_size, length))
            break;
    }
    return PyLong_FromSsize_t(i - start);
}

/* ---- histograms ---- */

static int64_t step_of(int64_t value, int bits)
{
    int width = value ? 64 - __builtin_clzll((unsigned long long)value) : 0;
    int shift = width - bits - 1;
    return shift <= 0 ? value : ((int64_t)shift << bits) + (value >> shift);
}

static bool count_step(PyObject *steps, int64_t step, int64_t weight)
{
    PyObject *key = PyLong_FromLongLong(step), *sum = NULL;
    if (key) {
        PyObject *held = PyDict_GetItemWithError(steps, key);
        int64_t before = held ? PyLong_AsLongLong(held) : 0;
        if (!PyErr_Occurred())
            sum = PyLong_FromLongLong(before + weight);
    }
    bool done = sum && PyDict_SetItem(steps, key, sum) == 0;
    Py_XDECREF(key);
    Py_XDECREF(sum);
    return done;
}

/* Sum, least and largest of values, negative ones as 0; false when that does not fit. */
static bool bounds(PyObject *values, int64_t *total, int64_t *low, int64_t *high)
{
    *total = *high = 0;
    *low = PyList_GET_SIZE(values) ? INT64_MAX : 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(values); i++) {
        int64_t value = PyLong_AsLongLong(PyList_GET_ITEM(values, i));
        if (value == -1 && PyErr_Occurred())
            return false;
        if (value < 0)
            value = 0;
        if (__builtin_add_overflow(*total, value, total))
            return false;
        *low = value < *low ? value : *low;
        *high = value > *high ? value : *high;
    }
    return true;
}

static PyObject *quick_count(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *steps, *values;
    int bits;
    if (!PyArg_ParseTuple(args, "O!iO!:count", &PyDict_Type, &steps, &bits, &PyList_Type, &values))
        return NULL;
    int64_t total, low, high, held = -1, weight = 0;
    if (!bounds(values, &total, &low, &high)) {
        PyErr_Clear();
        Py_RETURN_NONE; /* not what fits into 64 bits */
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(values); i++) {
        int64_t value = PyLong_AsLongLong(PyList_GET_ITEM(values, i));
        int64_t step = step_of(value < 0 ? 0 : value, bits);
        if (step != held && weight && !count_step(steps, held, weight))
            return NULL;
        weight = step == held ? weight + 1 : 1;
        held = step;
    }
    if (weight && !count_step(steps, held, weight))
        return NULL;
    return Py_BuildValue("LLL", (long long)total, (long long)low, (long long)high);
}

static PyMethodDef functions[] = {
    {"response", quick_response, METH_VARARGS,
     "response(data, ends, times): (status, headers, head_ns, pieces) of a plain, whole answer, else None."},
    {"events", quick_events, METH_VARARGS,
     "events(pieces, start): (times, data) of the pieces from `start` on that are one plain event each."},
    {"alike", quick_alike, METH_VARARGS,
     "alike(data, start, before, after): how many from `start` on are `before`, text that JSON holds as it is, `after`."},
    {"count", quick_count, METH_VARARGS, "count(steps, bits, values): count values in a histogram's steps; (total, low, high), or None with nothing done."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_quick", "See native/quick.c.", 0, functions, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__quick(void)
{
    return PyModuleDef_Init(&definition);
}
