#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "reader.h"
#include "scan.h"

#include <errno.h>
#include <stdlib.h>

typedef struct {
    PyObject_HEAD
    struct reader *reader;
} Reader;

static PyObject *failed(int error)
{
    errno = error;
    return PyErr_SetFromErrno(PyExc_OSError);
}

static PyObject *Reader_new(PyTypeObject *type, PyObject *args, PyObject *kwds)
{
    static char *names[] = {"anchor_ns", "tape_limit", NULL};
    long long anchor_ns;
    Py_ssize_t limit;
    if (!PyArg_ParseTupleAndKeywords(args, kwds, "Ln:Reader", names, &anchor_ns, &limit))
        return NULL;
    Reader *self = (Reader *)type->tp_alloc(type, 0);
    if (!self)
        return NULL;
    self->reader = reader_new(anchor_ns, (size_t)limit);
    if (!self->reader) {
        int error = errno;
        Py_DECREF(self);
        return failed(error);
    }
    return (PyObject *)self;
}

static void Reader_dealloc(Reader *self)
{
    PyTypeObject *type = Py_TYPE(self);
    reader_free(self->reader);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *Reader_fileno(Reader *self, PyObject *unused)
{
    (void)unused;
    return PyLong_FromLong(reader_eventfd(self->reader));
}

static PyObject *Reader_adopt(Reader *self, PyObject *args)
{
    int fd, raw;
    if (!PyArg_ParseTuple(args, "ip:adopt", &fd, &raw))
        return NULL;
    errno = 0;
    uint64_t handle = reader_adopt(self->reader, fd, raw);
    return handle ? PyLong_FromUnsignedLongLong(handle) : failed(errno ? errno : ENOMEM);
}

static int as_handle(PyObject *arg, uint64_t *handle)
{
    *handle = PyLong_AsUnsignedLongLong(arg);
    return !(*handle == (uint64_t)-1 && PyErr_Occurred());
}

static PyObject *Reader_begin(Reader *self, PyObject *arg)
{
    uint64_t handle;
    return as_handle(arg, &handle) ? PyBool_FromLong(reader_begin(self->reader, handle)) : NULL;
}

static PyObject *Reader_send(Reader *self, PyObject *args)
{
    unsigned long long handle;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "Ky*:send", &handle, &data))
        return NULL;
    int64_t at_ns, sent;
    sent = reader_send(self->reader, handle, data.buf, (size_t)data.len, &at_ns);
    int error = errno;
    PyBuffer_Release(&data);
    return sent < 0 ? failed(error) : Py_BuildValue("LL", (long long)sent, (long long)at_ns);
}

static PyObject *Reader_ended(Reader *self, PyObject *unused)
{
    (void)unused;
    uint64_t handles[256];
    size_t count = reader_ended(self->reader, handles, 256);
    PyObject *list = PyList_New((Py_ssize_t)count);
    for (size_t i = 0; list && i < count; i++) {
        PyObject *handle = PyLong_FromUnsignedLongLong(handles[i]);
        if (!handle)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, handle);
    }
    return list;
}

static PyObject *Reader_progress(Reader *self, PyObject *arg)
{
    uint64_t handle;
    int64_t last_ns = 0;
    if (!as_handle(arg, &handle))
        return NULL;
    reader_progress(self->reader, handle, &last_ns);
    return PyLong_FromLongLong(last_ns);
}

enum { AT, END, FLAGS };

/* A list of one thing of each mark; flags are 1 for merged and 2 for unstamped. */
static PyObject *list_of(const struct tape *tape, int what)
{
    PyObject *list = PyList_New((Py_ssize_t)tape->reads);
    for (size_t i = 0; list && i < tape->reads; i++) {
        const struct mark *mark = &tape->marks[i];
        int flags = mark->merged | mark->unstamped << 1;
        PyObject *number = PyLong_FromLongLong(what == AT ? mark->at_ns : what == END ? mark->end : flags);
        if (!number)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, number);
    }
    return list;
}

/* `N` of Py_BuildValue takes what it is given, and fails when that is NULL. */
static PyObject *Reader_take(Reader *self, PyObject *arg)
{
    uint64_t handle;
    struct tape tape;
    if (!as_handle(arg, &handle))
        return NULL;
    if (!reader_take(self->reader, handle, &tape))
        Py_RETURN_NONE;
    PyObject *result = Py_BuildValue(
        "y#NNnnNNNi", tape.data ? tape.data : "", (Py_ssize_t)tape.length, list_of(&tape, AT),
        list_of(&tape, END), (Py_ssize_t)tape.merged, (Py_ssize_t)tape.unstamped, PyBool_FromLong(tape.whole),
        PyBool_FromLong(tape.keep_alive), PyBool_FromLong(tape.closed), tape.error);
    free(tape.data);
    free(tape.marks);
    return result;
}

static PyObject *Reader_take_raw(Reader *self, PyObject *arg)
{
    uint64_t handle;
    struct tape tape;
    if (!as_handle(arg, &handle))
        return NULL;
    if (!reader_take_raw(self->reader, handle, &tape))
        Py_RETURN_NONE;
    PyObject *result = Py_BuildValue(
        "y#NNNNi", tape.data ? tape.data : "", (Py_ssize_t)tape.length, list_of(&tape, AT),
        list_of(&tape, END), list_of(&tape, FLAGS), PyBool_FromLong(tape.closed), tape.error);
    free(tape.data);
    free(tape.marks);
    return result;
}

static PyObject *Reader_usable(Reader *self, PyObject *arg)
{
    uint64_t handle;
    return as_handle(arg, &handle) ? PyBool_FromLong(reader_usable(self->reader, handle)) : NULL;
}

static PyObject *Reader_close(Reader *self, PyObject *arg)
{
    uint64_t handle;
    if (!as_handle(arg, &handle))
        return NULL;
    reader_close(self->reader, handle);
    Py_RETURN_NONE;
}

static PyObject *Reader_socket(Reader *self, PyObject *arg)
{
    uint64_t handle;
    return as_handle(arg, &handle) ? PyLong_FromLong(reader_socket(self->reader, handle)) : NULL;
}

static PyObject *Reader_cpu_ns(Reader *self, PyObject *unused)
{
    (void)unused;
    return PyLong_FromLongLong(reader_cpu_ns(self->reader));
}

static PyMethodDef methods[] = {
    {"fileno", (PyCFunction)Reader_fileno, METH_NOARGS, "Descriptor that is readable when `ended` has something."},
    {"adopt", (PyCFunction)Reader_adopt, METH_VARARGS,
     "Take over a connected socket's descriptor, raw or to be recorded answer by answer; its handle."},
    {"begin", (PyCFunction)Reader_begin, METH_O, "Record the next answer; False when the connection is dead."},
    {"send", (PyCFunction)Reader_send, METH_VARARGS, "(bytes taken, instant just before) of a send that never waits."},
    {"ended", (PyCFunction)Reader_ended, METH_NOARGS, "Handles whose answers have ended, or that are raw and have something new; at most 256."},
    {"progress", (PyCFunction)Reader_progress, METH_O, "Instant of the last read, 0 before the first."},
    {"take", (PyCFunction)Reader_take, METH_O,
     "(data, times, ends, merged, unstamped, whole, keep_alive, closed, errno) of a recording."},
    {"take_raw", (PyCFunction)Reader_take_raw, METH_O,
     "(data, times, ends, flags, closed, errno) of what is new on a raw connection, or None."},
    {"usable", (PyCFunction)Reader_usable, METH_O, "Whether another request can be sent."},
    {"close", (PyCFunction)Reader_close, METH_O, "Close the connection."},
    {"socket", (PyCFunction)Reader_socket, METH_O, "The descriptor, to wait until it takes more."},
    {"cpu_ns", (PyCFunction)Reader_cpu_ns, METH_NOARGS, "CPU time of the reading thread."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, Reader_new},
    {Py_tp_dealloc, Reader_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_doc, "A thread that records answers with the kernel's arrival times."},
    {0, NULL},
};

static PyType_Spec spec = {"inferswarm._reader.Reader", sizeof(Reader), 0, Py_TPFLAGS_DEFAULT, slots};

static PyObject *scan_end(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *pieces;
    if (!PyArg_ParseTuple(args, "O!:scan_end", &PyList_Type, &pieces))
        return NULL;
    struct scan scan;
    scan_start(&scan);
    char *whole = NULL;
    size_t length = 0;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(pieces); i++) {
        char *data;
        Py_ssize_t size;
        if (PyBytes_AsStringAndSize(PyList_GET_ITEM(pieces, i), &data, &size) < 0) {
            free(whole);
            return NULL;
        }
        /* A fresh block of the exact size lets a sanitizer see any look beyond it. */
        char *more = malloc(length + (size_t)size + (length + (size_t)size == 0));
        if (!more) {
            free(whole);
            return PyErr_NoMemory();
        }
        if (length)
            memcpy(more, whole, length);
        if (size)
            memcpy(more + length, data, (size_t)size);
        free(whole);
        whole = more;
        length += (size_t)size;
        if (scan_feed(&scan, whole, length)) {
            free(whole);
            return Py_BuildValue("nsO", i, scan.state == SCAN_DONE ? "done" : "bad",
                                 scan.keep_alive ? Py_True : Py_False);
        }
    }
    free(whole);
    return Py_BuildValue("nsO", (Py_ssize_t)-1, scan.state == SCAN_UNTIL_CLOSE ? "until close" : "open", Py_False);
}

static PyMethodDef functions[] = {
    {"scan_end", scan_end, METH_VARARGS,
     "(index of the piece that ended the answer or -1, how, keep alive) of an answer in pieces."},
    {NULL, NULL, 0, NULL},
};

static int fill(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&spec);
    return type ? PyModule_AddObject(module, "Reader", type) : -1;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, fill}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_reader", "See load/transport/native.", 0, functions, module_slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__reader(void)
{
    return PyModuleDef_Init(&definition);
}
