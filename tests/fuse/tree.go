package main

import (
	"fmt"
	"strings"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
)

type entry struct {
	name   string
	ino    uint64
	mode   uint32
	size   uint64
	target string
	folder folder
}

// folder is what a directory holds.
type folder interface {
	find(name string) (entry, bool)
	list() []entry
	subfolders() uint32
}

const (
	dirMode  = syscall.S_IFDIR | 0755
	fileMode = syscall.S_IFREG | 0644
	linkMode = syscall.S_IFLNK | 0777
)

// listedFolder holds entries by name; they can be removed.
type listedFolder struct {
	mutex sync.RWMutex
	names []string
	held  map[string]entry
}

func (l *listedFolder) add(e entry) {
	if l.held == nil {
		l.held = map[string]entry{}
	}
	l.names = append(l.names, e.name)
	l.held[e.name] = e
}

// create adds a new name; false if it is there.
func (l *listedFolder) create(e entry) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if _, there := l.held[e.name]; there {
		return false
	}
	l.add(e)
	return true
}

func (l *listedFolder) find(name string) (entry, bool) {
	l.mutex.RLock()
	defer l.mutex.RUnlock()
	e, ok := l.held[name]
	return e, ok
}

func (l *listedFolder) list() []entry {
	l.mutex.RLock()
	defer l.mutex.RUnlock()
	var answer []entry
	for _, name := range l.names {
		if e, ok := l.held[name]; ok {
			answer = append(answer, e)
		}
	}
	return answer
}

func (l *listedFolder) subfolders() (count uint32) {
	for _, e := range l.list() {
		if e.folder != nil {
			count++
		}
	}
	return count
}

func (l *listedFolder) remove(name string, wantFolder bool) syscall.Errno {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	e, ok := l.held[name]
	switch {
	case !ok:
		return syscall.ENOENT
	case wantFolder && e.folder == nil:
		return syscall.ENOTDIR
	case !wantFolder && e.folder != nil:
		return syscall.EISDIR
	case wantFolder && len(e.folder.list()) > 0:
		return syscall.ENOTEMPTY
	}
	delete(l.held, name)
	for i, listed := range l.names {
		if listed == name {
			l.names = append(l.names[:i:i], l.names[i+1:]...)
			break
		}
	}
	return fs.OK
}

// library is the media collection, one line an entry: a folder ends in /, a symlink has its target, a file its size.
// tests/harness/gofuse.py has the same list for comparison.
const library = `
movies/
movies/film one.mkv 3145735
movies/film two.mkv 65536
movies/poster.jpg 8191
movies/empty.nfo 0
movies/favourite -> film one.mkv
shows/
shows/season 1/
shows/season 1/e01.mkv 100000
shows/season 1/e02.mkv 100001
shows/season 2/
shows/season 2/e01.mkv 4096
shows/été/
shows/été/héros.txt 13
deep/
deep/a/
deep/a/b/
deep/a/b/c/
deep/a/b/c/leaf.txt 21
empty/
readme.txt 42
to-movies -> movies
to-readme -> readme.txt
dangling -> nowhere
`

var oddNames = []string{"latin-\xe9.txt", "new\nline", "back\\slash", " space ", "tab\there"}

func newLibrary(links, files []string, odd bool) folder {
	ino := uint64(1)
	root := &listedFolder{}
	folders := map[string]*listedFolder{"": root}
	put := func(path string, e entry) {
		ino++
		parent := ""
		e.name, e.ino = path, ino
		if slash := strings.LastIndexByte(path, '/'); slash >= 0 {
			parent, e.name = path[:slash], path[slash+1:]
		}
		folders[parent].add(e)
	}
	for _, line := range strings.Split(strings.TrimSpace(library), "\n") {
		if strings.HasSuffix(line, "/") {
			path := strings.TrimSuffix(line, "/")
			folders[path] = &listedFolder{}
			put(path, entry{mode: dirMode, folder: folders[path]})
		} else if path, target, isLink := strings.Cut(line, " -> "); isLink {
			put(path, entry{mode: linkMode, size: uint64(len(target)), target: target})
		} else {
			space := strings.LastIndexByte(line, ' ')
			var size uint64
			fmt.Sscan(line[space+1:], &size)
			put(line[:space], entry{mode: fileMode, size: size})
		}
	}
	if odd {
		for _, name := range oddNames {
			put(name, entry{mode: fileMode, size: 5})
		}
	}
	for _, file := range files {
		equals := strings.LastIndexByte(file, '=')
		var size uint64
		fmt.Sscan(file[equals+1:], &size)
		put(file[:equals], entry{mode: fileMode, size: size})
	}
	for _, e := range parseLinks(links) {
		put(e.name, e)
	}
	return root
}

func parseLinks(links []string) (answer []entry) {
	for i, link := range links {
		name, target, _ := strings.Cut(link, "=")
		answer = append(answer, entry{
			name: name, ino: 1<<40 + uint64(i), mode: linkMode, size: uint64(len(target)), target: target,
		})
	}
	return answer
}

// generatedRoot holds total entries, counted with the folders, in folders of up to fanout files. Nothing is stored.
type generatedRoot struct {
	total, fanout uint64
	links         listedFolder
}

func newGeneratedRoot(total, fanout uint64, links []string) folder {
	root := &generatedRoot{total: total, fanout: fanout}
	for _, e := range parseLinks(links) {
		root.links.add(e)
	}
	return root
}

func (g *generatedRoot) folderCount() uint64 { return (g.total + g.fanout) / (g.fanout + 1) }

func (g *generatedRoot) subfolders() uint32 { return uint32(g.folderCount()) }

func (g *generatedRoot) child(i uint64) entry {
	first := i * (g.fanout + 1) // place of this folder in the count; its files follow
	files := g.total - first - 1
	if files > g.fanout {
		files = g.fanout
	}
	return entry{
		name: fmt.Sprintf("d%05d", i), ino: first + 2, mode: dirMode, folder: &generatedFolder{first: first + 3, files: files},
	}
}

func (g *generatedRoot) find(name string) (entry, bool) {
	if i, ok := number(name, "d", 5); ok && i < g.folderCount() {
		return g.child(i), true
	}
	return g.links.find(name)
}

func (g *generatedRoot) list() []entry {
	answer := make([]entry, 0, g.folderCount())
	for i := uint64(0); i < g.folderCount(); i++ {
		answer = append(answer, g.child(i))
	}
	return append(answer, g.links.list()...)
}

type generatedFolder struct{ first, files uint64 }

func (g *generatedFolder) subfolders() uint32 { return 0 }

func (g *generatedFolder) child(i uint64) entry {
	ino := g.first + i
	return entry{name: fmt.Sprintf("f%04d", i), ino: ino, mode: fileMode, size: ino * 7919 % 65536}
}

func (g *generatedFolder) find(name string) (entry, bool) {
	if i, ok := number(name, "f", 4); ok && i < g.files {
		return g.child(i), true
	}
	return entry{}, false
}

func (g *generatedFolder) list() []entry {
	answer := make([]entry, g.files)
	for i := range answer {
		answer[i] = g.child(uint64(i))
	}
	return answer
}

// number reads the i of a generated name, and refuses any other spelling of it.
func number(name, prefix string, digits int) (i uint64, ok bool) {
	_, err := fmt.Sscanf(name, prefix+"%d", &i)
	return i, err == nil && name == fmt.Sprintf("%s%0*d", prefix, digits, i)
}
