// A file system served by go-fuse's fs API, whose link counts lie (or do not) by option.
//
// Two trees: a small media library (default), or --entries N generated entries (folders of --fanout files).
// Both are deterministic; a file holds its own name and a newline, repeated up to its size.
// Nodes are made as they are looked up, so a million entries cost nothing to mount.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// honesty says which counts are true. go-fuse's own default, Nlink never set, is the zero value.
type honesty struct {
	folders, files bool // in answers to GETATTR, and in those to LOOKUP unless:
	notInLookup    bool // LOOKUP says 0 for everything
	notInGetattr   bool // GETATTR does
}

var policies = map[string]honesty{
	"0":              {},
	"honest":         {folders: true, files: true},
	"honest-folders": {folders: true},
	"getattr-only":   {folders: true, files: true, notInLookup: true},
	"lookup-only":    {folders: true, files: true, notInGetattr: true},
}

type server struct {
	honesty       honesty
	latency       time.Duration
	slowListings  bool // the lookups that fill a listing take the latency too
	plus          bool
	interruptible bool // a signal ends the latency
	crowd         crowd
	owner         uint32
	created       uint64 // the last inode number given to a new file
	shift         uint64 // what is added to every inode number but the root's
	now           bool   // every answer to GETATTR carries the time of now
	noStatfs      bool   // statfs is as go-fuse answers it by itself: zeros
}

// crowd keeps in a file how many requests waited at once at most.
type crowd struct {
	mutex     sync.Mutex
	file      string
	here, top int
}

func (c *crowd) change(by int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.here += by
	if c.file == "" || c.here <= c.top {
		return
	}
	c.top = c.here
	if err := os.WriteFile(c.file, []byte(fmt.Sprintln(c.top)), 0o644); err != nil {
		log.Fatal(err)
	}
}

// wait takes the latency's time; false if the caller was interrupted by a signal and that is to be honoured.
func (s *server) wait(ctx context.Context) bool {
	s.crowd.change(1)
	defer s.crowd.change(-1)
	var interrupted <-chan struct{}
	if s.interruptible {
		interrupted = ctx.Done()
	}
	select {
	case <-interrupted:
		return false
	case <-time.After(s.latency):
		return true
	}
}

// stable is the identity under which an entry is known outside.
func (s *server) stable(e *entry) fs.StableAttr {
	return fs.StableAttr{Ino: e.ino + s.shift, Mode: e.mode & syscall.S_IFMT}
}

// fromListing marks a lookup that go-fuse makes by itself to fill a READDIRPLUS answer.
const fromListing = uint32(1) << 31

// listingMarker is the go-fuse bridge with its READDIRPLUS lookups marked, and an inode number for the root, to which
// go-fuse by itself gives 0.
type listingMarker struct{ fuse.RawFileSystem }

func (m *listingMarker) ReadDirPlus(cancel <-chan struct{}, input *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	input.Caller.Pid |= fromListing
	return m.RawFileSystem.ReadDirPlus(cancel, input, out)
}

func (m *listingMarker) GetAttr(cancel <-chan struct{}, input *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	status := m.RawFileSystem.GetAttr(cancel, input, out)
	if input.NodeId == fuse.FUSE_ROOT_ID {
		out.Ino = fuse.FUSE_ROOT_ID
	}
	return status
}

type node struct {
	fs.Inode
	server   *server
	entry    entry
	unlinked int32
}

func (n *node) fill(out *fuse.Attr, honest bool) {
	e := &n.entry
	out.Ino = n.StableAttr().Ino
	out.Mode = e.mode
	out.Size = e.size
	out.Blocks = (e.size + 511) / 512
	out.Mtime = 1700000000 + e.ino
	out.Ctime, out.Atime = out.Mtime, out.Mtime
	out.Owner = fuse.Owner{Uid: n.server.owner, Gid: n.server.owner}
	switch {
	case !honest || atomic.LoadInt32(&n.unlinked) != 0: // Nlink stays as go-fuse made it: 0
	case e.folder != nil && n.server.honesty.folders:
		out.Nlink = 2 + e.folder.subfolders()
	case e.folder == nil && n.server.honesty.files:
		out.Nlink = 1
	}
}

func (n *node) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.fill(&out.Attr, !n.server.honesty.notInGetattr)
	if n.server.now {
		now := time.Now()
		out.SetTimes(&now, &now, &now)
	}
	return fs.OK
}

func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	caller, ok := fuse.FromContext(ctx)
	listing := ok && caller.Pid&fromListing != 0
	if listing && !n.server.plus {
		return nil, syscall.ENOENT // the name is listed, but the kernel learns no attributes
	}
	if (!listing || n.server.slowListings) && n.server.latency > 0 {
		if !n.server.wait(ctx) {
			return nil, syscall.EINTR
		}
	}
	if n.entry.folder == nil {
		return nil, syscall.ENOTDIR
	}
	e, found := n.entry.folder.find(name)
	if !found {
		return nil, syscall.ENOENT
	}
	child := n.NewInode(ctx, &node{server: n.server, entry: e}, n.server.stable(&e))
	child.Operations().(*node).fill(&out.Attr, !n.server.honesty.notInLookup)
	return child, fs.OK
}

func (n *node) Readdir(ctx context.Context) (fs.DirStream, syscall.Errno) {
	if n.entry.folder == nil {
		return nil, syscall.ENOTDIR
	}
	list := n.entry.folder.list()
	answer := make([]fuse.DirEntry, len(list))
	for i, e := range list {
		answer[i] = fuse.DirEntry{Name: e.name, Mode: e.mode, Ino: n.server.stable(&e).Ino}
	}
	return fs.NewListDirStream(answer), fs.OK
}

func (n *node) Readlink(ctx context.Context) ([]byte, syscall.Errno) {
	if n.entry.mode&syscall.S_IFMT != syscall.S_IFLNK {
		return nil, syscall.EINVAL
	}
	return []byte(n.entry.target), fs.OK
}

func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if flags&syscall.O_ACCMODE != syscall.O_RDONLY {
		return nil, 0, syscall.EROFS
	}
	return nil, fuse.FOPEN_KEEP_CACHE, fs.OK
}

func (n *node) Read(ctx context.Context, f fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	line := n.entry.name + "\n"
	left := int64(n.entry.size) - off
	if left < 0 {
		left = 0
	}
	if left < int64(len(dest)) {
		dest = dest[:left]
	}
	for done := 0; done < len(dest); {
		done += copy(dest[done:], line[(off+int64(done))%int64(len(line)):])
	}
	return fuse.ReadResultData(dest), fs.OK
}

// Create makes an empty file in a folder of the library; what is written to it is refused.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	child, errno := n.add(ctx, entry{name: name, mode: fileMode}, out)
	return child, nil, 0, errno
}

// Mkdir makes an empty folder there.
func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.add(ctx, entry{name: name, mode: dirMode, folder: &listedFolder{}}, out)
}

func (n *node) add(ctx context.Context, e entry, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	folder, ok := n.entry.folder.(*listedFolder)
	if !ok {
		return nil, syscall.EROFS
	}
	e.ino = atomic.AddUint64(&n.server.created, 1)
	if !folder.create(e) {
		return nil, syscall.EEXIST
	}
	child := n.NewInode(ctx, &node{server: n.server, entry: e}, n.server.stable(&e))
	child.Operations().(*node).fill(&out.Attr, !n.server.honesty.notInLookup)
	return child, fs.OK
}

func (n *node) Unlink(ctx context.Context, name string) syscall.Errno { return n.remove(name, false) }

func (n *node) Rmdir(ctx context.Context, name string) syscall.Errno { return n.remove(name, true) }

func (n *node) remove(name string, wantFolder bool) syscall.Errno {
	folder, ok := n.entry.folder.(*listedFolder)
	if !ok {
		return syscall.EROFS
	}
	if errno := folder.remove(name, wantFolder); errno != fs.OK {
		return errno
	}
	if child := n.GetChild(name); child != nil {
		atomic.StoreInt32(&child.Operations().(*node).unlinked, 1)
	}
	return fs.OK
}

func (n *node) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	if n.server.noStatfs {
		return fs.OK
	}
	out.Bsize, out.Frsize, out.NameLen = 4096, 4096, 255
	out.Blocks, out.Bfree, out.Bavail = 1<<28, 1<<27, 1<<27
	return fs.OK
}

// repeated collects a flag that may be given several times.
type repeated []string

func (r *repeated) String() string         { return strings.Join(*r, ",") }
func (r *repeated) Set(value string) error { *r = append(*r, value); return nil }

func main() {
	nlink := flag.String("nlink", "0", "0 (Nlink never set), honest, honest-folders (files lie), getattr-only (LOOKUP lies), lookup-only (GETATTR lies)")
	entries := flag.Uint64("entries", 0, "serve this many generated entries instead of the media library")
	fanout := flag.Uint64("fanout", 100, "files in each generated folder")
	attrTimeout := flag.Duration("attr-timeout", time.Second, "how long the kernel may cache attributes")
	entryTimeout := flag.Duration("entry-timeout", time.Second, "how long the kernel may cache names")
	latency := flag.Duration("latency", 0, "delay of each LOOKUP")
	slowListings := flag.Bool("slow-listings", false, "delay each of the lookups too that go-fuse makes to fill a listing")
	crowdFile := flag.String("crowd", "", "keep in this file how many requests were delayed at once at most")
	interruptible := flag.Bool("interruptible", false, "a LOOKUP whose caller gets a signal meanwhile fails with EINTR")
	plus := flag.Bool("plus", true, "listings carry attributes (READDIRPLUS), so that they save lookups")
	allowOther := flag.Bool("allow-other", true, "let other users in")
	oddNames := flag.Bool("odd-names", false, "add names that are not UTF-8, or hold newlines and backslashes")
	shift := flag.Uint64("shift-inodes", 0, "add this to every inode number but the root's, as if served anew")
	xattrs := flag.Bool("xattrs", false, "be asked for extended attributes (go-fuse's default) and have none")
	now := flag.Bool("now", false, "answer every GETATTR with the time of now, as many small servers do")
	noStatfs := flag.Bool("no-statfs", false, "answer statfs as go-fuse does by itself: with zeros")
	owner := flag.Uint("owner", 0, "user and group id of all entries")
	name := flag.String("name", "lying", "the mount shows as type fuse.NAME")
	var links, files repeated
	flag.Var(&links, "link", "add a symlink NAME=TARGET to the root (may be repeated)")
	flag.Var(&files, "file", "add a file PATH=SIZE to the library, in a folder that it has (may be repeated)")
	flag.Parse()
	policy, known := policies[*nlink]
	if flag.NArg() != 1 || !known || *fanout == 0 {
		fmt.Fprintln(os.Stderr, "usage: gofuse [options] MOUNTPOINT")
		flag.PrintDefaults()
		os.Exit(2)
	}

	var top folder
	if *entries > 0 {
		top = newGeneratedRoot(*entries, *fanout, links)
	} else {
		top = newLibrary(links, files, *oddNames)
	}
	root := &node{
		server: &server{honesty: policy, latency: *latency, slowListings: *slowListings, crowd: crowd{file: *crowdFile}, interruptible: *interruptible, plus: *plus, owner: uint32(*owner), created: 1 << 41, shift: *shift, now: *now, noStatfs: *noStatfs},
		entry:  entry{ino: 1, mode: syscall.S_IFDIR | 0755, folder: top},
	}
	options := &fs.Options{AttrTimeout: attrTimeout, EntryTimeout: entryTimeout}
	options.MountOptions = fuse.MountOptions{
		AllowOther: *allowOther, FsName: "gofuse", Name: *name, DirectMount: true, DisableXAttrs: !*xattrs,
	}
	// A stopped or killed tester must not leave the server behind, so it goes with its mount.
	fuseServer, err := fuse.NewServer(&listingMarker{fs.NewNodeFS(root, options)}, flag.Arg(0), &options.MountOptions)
	if err != nil {
		log.Fatal(err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	var once sync.Once
	go func() {
		for range signals {
			once.Do(func() { fuseServer.Unmount() })
		}
	}()
	go fuseServer.Serve()
	if err := fuseServer.WaitMount(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready")
	fuseServer.Wait()
}
